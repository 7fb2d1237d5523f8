-- Grain: one row per bed_key. Its state follows from who came and left and from what bed management
-- stated (int__bed_occupancy), from reservations, and from cleaning tasks under way.
with statements as (
    select
        *,
        {{ bed_key('facility', 'location_code') }} as bed_key
    from {{ ref('int__location_statement') }}
    where location_type = 'bd'
),

-- Visits that are in the bed now, by their stays and by their own state.
occupants as (
    select
        s.bed_key,
        {{ latest_by('s.visit_key', 's.start_order') }} as current_visit_key,
        count(*) as occupants
    from {{ ref('int__bed_stay') }} as s
    -- Both have to agree: a visit that is over is in no bed, even when no event released it.
    inner join {{ ref('canonical__visit') }} as v on v.visit_key = s.visit_key and v.bed_key = s.bed_key
    where s.end_order is null
    group by s.bed_key
),

last_reservations as (
    select
        bed_key,
        {{ latest_by("case when location_effect = 'reserve' then visit_key end", 'fold_order') }}
            as visit_key,
        max(case when location_effect = 'reserve' then fold_order end) as reserved_order,
        max(case when location_effect <> 'reserve' then fold_order end) as used_order
    from {{ ref('int__visit_event_fold') }}
    where
        is_effective
        and bed_key is not null
        and location_effect in ('reserve', 'unreserve', 'occupy')
    group by bed_key
),

reservations as (
    select
        r.bed_key,
        r.visit_key as reserved_for_visit_key
    from last_reservations as r
    inner join {{ ref('canonical__visit') }} as v on v.visit_key = r.visit_key
    where
        -- A reservation ends when it is taken back or when anybody takes the bed, whoever it was kept for.
        r.reserved_order > coalesce(r.used_order, '')
        and v.main_state not in ('cancelled', 'discharged', 'entered_in_error')
),

cleanings as (
    select
        l.bed_key,
        max(t.started_at) as started_at
    from {{ ref('stg_fhir__task') }} as t
    inner join {{ ref('int__fhir_location') }} as l
        on l.source_system = t.source_system and l.resource_id = t.location_resource_id
    where t.is_current and t.task_type = 'clean_bed' and t.status = 'in-progress' and l.bed_key is not null
    group by l.bed_key
),

beds as (
    select
        b.bed_key,
        b.location_key,
        b.facility,
        b.unit,
        b.room,
        coalesce(b.name, b.bed) as bed_label,
        b.master_status,
        b.source_rank,
        b.source_system,
        b.source_ref,
        b.recorded_at,
        f.operational_status,
        o.current_visit_key,
        coalesce(o.occupants, 0) as occupants,
        r.reserved_for_visit_key,
        f.occupied_at,
        f.vacated_at,
        case
            -- The later of the two: a bed that bed management called dirty before the last patient came was
            -- cleaned for that patient, and has been dirty again since that patient left.
            when f.stated_dirty_at >= coalesce(f.vacated_at, f.stated_dirty_at) then f.stated_dirty_at
            else f.vacated_at
        end as dirty_at,
        f.cleaned_at,
        f.last_fact,
        f.last_fact_at,
        c.started_at as cleaning_at
    from {{ first_ranked('statements', 'bed_key') }} as b
    left join {{ ref('int__bed_occupancy') }} as f on f.bed_key = b.bed_key
    left join occupants as o on o.bed_key = b.bed_key
    left join reservations as r on r.bed_key = b.bed_key
    left join cleanings as c on c.bed_key = b.bed_key
),

-- Facts are HL7 table 0116 (C closed, H housekeeping, I isolated, K contaminated, O occupied,
-- U unoccupied) and what stays say: occupied, vacated.
states as (
    select
        *,
        case
            -- The order matters: a closed bed is closed whoever is said to lie in it, and one that is
            -- occupied is neither dirty nor free.
            when master_status <> 'active' then 'closed'
            when last_fact = 'C' then 'closed'
            when last_fact in ('occupied', 'O') then 'occupied'
            -- A visit is in the bed, but bed management stated H, K or I since: nobody cleans under a
            -- patient. Only `U` (unoccupied) contradicts the visit outright.
            when current_visit_key is not null and last_fact not in ('U') then 'occupied'
            when cleaning_at >= last_fact_at and last_fact in ('H', 'vacated') then 'cleaning'
            -- A discharge without a word of bed management means housekeeping: a bed that is taken for clean
            -- would be given to the next patient.
            when last_fact in ('H', 'vacated') then 'vacated_dirty'
            when last_fact = 'K' then 'contaminated'
            when last_fact = 'I' then 'isolated'
            when reserved_for_visit_key is not null then 'reserved'
            when last_fact = 'U' then 'available'
            else 'unknown'
        end as state
    from beds
)

select
    bed_key,
    location_key,
    facility,
    unit,
    room,
    bed_label,
    master_status,
    operational_status,
    state,
    current_visit_key,
    reserved_for_visit_key,
    occupied_at,
    vacated_at,
    dirty_at,
    cleaned_at,
    case when state = 'cleaning' then cleaning_at else last_fact_at end as state_since,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['provisional', 'source_rank = 2'],
        ['several_visits', 'occupants > 1'],
        ['occupied_without_visit', "operational_status = 'O' and current_visit_key is null"],
        ['visit_without_occupied', "operational_status <> 'O' and current_visit_key is not null"],
    ]) }} as quality_flags
from states

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

-- What a visit reserves is what it stated last of its places: whoever has come to any bed, been moved, or is
-- gone, reserves none.
reserving_visits as (
    select
        visit_key,
        {{ latest_by(
            "case when location_effect = 'reserve' then coalesce(bed_key, '') else '' end",
            'fold_order'
        ) }} as bed_key,
        max(fold_order) as reserved_order
    from {{ ref('int__visit_event_fold') }}
    where
        is_effective
        and visit_key is not null
        and (
            location_effect in ('reserve', 'unreserve', 'release')
            or (location_effect = 'occupy' and location_key is not null)
        )
    group by visit_key
),

last_used as (
    select
        bed_key,
        max(start_order) as used_order
    from {{ ref('int__bed_stay') }}
    group by bed_key
),

reservations as (
    select
        r.bed_key,
        {{ latest_by('r.visit_key', 'r.reserved_order') }} as reserved_for_visit_key
    from reserving_visits as r
    inner join {{ ref('canonical__visit') }} as v on v.visit_key = r.visit_key
    left join last_used as u on u.bed_key = r.bed_key
    where
        r.bed_key <> ''
        -- A reservation ends, too, when anybody takes the bed, whoever it was kept for.
        and r.reserved_order > coalesce(u.used_order, '')
        and v.main_state not in (
            'cancelled',
            'discharged',
            'closed',
            'no_show',
            'lwbs',
            'eloped',
            'ama',
            'deceased',
            'entered_in_error'
        )
    group by r.bed_key
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

-- Which rules are on (seed inference_rule) for beds of which nobody states a status.
rules as (
    select
        max(case when rule = 'bed_status_not_reported' then 1 else 0 end) = 1 as is_report_needed,
        max(case when rule = 'bed_status_silent' then after_hours end) as silent_hours
    from {{ ref('int__inference_rule') }}
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
        p.bed_key is not null as was_reserved,
        f.occupied_at,
        f.vacated_at,
        case
            -- The later of the two: a bed that bed management called dirty before the last patient came was
            -- cleaned for that patient, and has been dirty again since that patient left.
            when f.stated_dirty_at >= coalesce(f.vacated_at, f.stated_dirty_at) then f.stated_dirty_at
            else f.vacated_at
        end as dirty_at,
        f.cleaned_at,
        f.contaminated_at,
        f.last_fact,
        f.last_fact_at,
        c.started_at as cleaning_at,
        max(case when f.operational_status is not null then 1 else 0 end) over (
            partition by coalesce(b.facility, b.source_system)
        ) = 1 as is_facility_reported,
        u.is_report_needed,
        u.silent_hours
    from {{ first_ranked('statements', 'bed_key') }} as b
    left join {{ ref('int__bed_occupancy') }} as f on f.bed_key = b.bed_key
    left join occupants as o on o.bed_key = b.bed_key
    left join reservations as r on r.bed_key = b.bed_key
    left join (
        select distinct bed_key
        from {{ ref('int__visit_event_fold') }}
        where
            location_effect = 'reserve'
            and bed_key is not null
            and (is_effective or is_cancelled)
    ) as p on p.bed_key = b.bed_key
    left join cleanings as c on c.bed_key = b.bed_key
    cross join rules as u
),

reported as (
    select
        *,
        -- Nobody states a status of this bed, or nobody has since the patient left.
        last_fact = 'vacated'
        and (
            (is_report_needed and not is_facility_reported)
            or coalesce({{ plus_minutes('last_fact_at', '60 * silent_hours') }} <= {{ as_of() }}, false)
        ) as is_status_missing
    from beds
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
            -- Stated of this patient's stay or since, and not cleaned: dirty as well says nothing else.
            when
                last_fact in ('H', 'vacated')
                and contaminated_at >= coalesce(occupied_at, contaminated_at)
                and contaminated_at > coalesce(cleaned_at, {{ cleared_at() }})
                then 'contaminated'
            -- Of 98 rows of a bed list 98 were dirty, some for years: their feed states no bed status at all.
            when is_status_missing then 'unknown'
            -- Where bed management does state them, a discharge without a word means housekeeping: a bed that
            -- is taken for clean would be given to the next patient.
            when last_fact in ('H', 'vacated') then 'vacated_dirty'
            when last_fact = 'K' then 'contaminated'
            when last_fact = 'I' then 'isolated'
            when reserved_for_visit_key is not null then 'reserved'
            -- Only a bed that is free is reserved: when nothing else was ever stated of it, that is known.
            when last_fact = 'U' or (last_fact is null and was_reserved) then 'available'
            else 'unknown'
        end as state
    from reported
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
    case
        when state <> 'unknown' then null
        when last_fact = 'unseen' then 'departure_not_stated'
        when is_status_missing then 'status_not_reported'
        else 'nothing_stated'
    end as state_reason,
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

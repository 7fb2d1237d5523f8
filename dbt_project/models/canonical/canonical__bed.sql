-- Grain: one row per bed_key. State is folded from canonical__visit_event: who came and left, and
-- what bed management told; the later one decides, a discharge without a word means housekeeping.
with beds as (
    select
        {{ bed_key('facility', 'name_code') }} as bed_key,
        location_key,
        facility,
        unit,
        room,
        bed,
        name,
        master_status,
        told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from (
        select
            location_key,
            facility,
            location_code as name_code,
            unit,
            room,
            bed,
            name,
            master_status,
            1 as told_rank,
            statement_order,
            source_system,
            source_ref,
            recorded_at
        from {{ ref('int__fhir_location') }}
        where location_type = 'bd'
        union all
        select
            location_key,
            facility,
            location_code as name_code,
            unit,
            room,
            bed,
            name,
            master_status,
            0 as told_rank,
            statement_order,
            source_system,
            source_ref,
            recorded_at
        from {{ ref('int__place') }}
        where location_type = 'bd'
        union all
        select
            {{ location_key('facility', 'code') }} as location_key,
            facility,
            code as name_code,
            unit,
            room,
            bed,
            code as name,
            'active' as master_status,
            2 as told_rank,
            statement_order,
            source_system,
            source_ref,
            recorded_at
        from {{ ref('int__message_location') }}
        where bed is not null
    )
),

masters as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by bed_key order by told_rank, statement_order desc, source_ref desc
            ) as telling
        from beds
    )
    where telling = 1
),

events as (
    select
        e.*,
        k.region,
        k.location_effect,
        {{ time_text('e.occurred_at') }} || {{ time_text('e.recorded_at') }} || lpad(cast(k.lifecycle as varchar), 3, '0') || e.event_id as fold_order
    from {{ ref('canonical__visit_event') }} as e
    inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
    where
        not e.is_cancelled
        and not {{ has_flag('e.quality_flags', 'confirmed_by_other_source') }}
        and not {{ has_flag('e.quality_flags', 'outranked') }}
        and not {{ has_flag('e.quality_flags', 'superseded') }}
        and not {{ is_waiting_cancel('e') }}
),

-- Each stay of a visit in a bed, from the event that brought it until the one that moved it on.
moves as (
    select
        visit_key,
        bed_key,
        occurred_at as from_at,
        fold_order,
        source_ref,
        location_effect,
        lead(occurred_at) over (partition by visit_key order by fold_order) as until_at,
        lead(case when location_effect = 'occupy' then bed_key end) over (partition by visit_key order by fold_order) as next_bed_key,
        lead(fold_order) over (partition by visit_key order by fold_order) as until_order
    from events
    where
        visit_key is not null
        and (location_effect = 'release' or (location_effect = 'occupy' and location_key is not null))
),

stays as (
    select *
    from moves
    where bed_key is not null and location_effect = 'occupy'
),

-- At one instant a bed is left first, then told about, then taken.
facts as (
    select bed_key, 'occupied' as fact, from_at as fact_at, {{ time_text('from_at') }} || '3' || fold_order as fact_order, visit_key
    from stays
    union all
    select bed_key, 'vacated' as fact, until_at as fact_at, {{ time_text('until_at') }} || '1' || until_order as fact_order, visit_key
    from stays
    where until_order is not null and (next_bed_key is null or next_bed_key <> bed_key)
    union all
    select bed_key, to_state as fact, occurred_at as fact_at, {{ time_text('occurred_at') }} || '2' || fold_order as fact_order, cast(null as varchar) as visit_key
    from events
    where region = 'bed'
),

-- A fact that repeats the one before it changes nothing; `O` after somebody came repeats it.
changes as (
    select
        *,
        case
            when fact = 'O' then coalesce(fact_before, '') not in ('occupied', 'O')
            when fact = 'occupied' then coalesce(fact_before, '') <> 'occupied' or visit_before <> visit_key
            else coalesce(fact_before, '') <> fact
        end as is_change
    from (
        select
            *,
            lag(fact) over (partition by bed_key order by fact_order) as fact_before,
            lag(visit_key) over (partition by bed_key order by fact_order) as visit_before
        from facts
    )
),

folded as (
    select
        bed_key,
        {{ latest_by('fact', 'fact_order') }} as last_fact,
        {{ latest_by('case when is_change then fact_at end', 'fact_order') }} as last_fact_at,
        {{ latest_by("case when fact not in ('occupied', 'vacated') then fact end", 'fact_order') }} as operational_status,
        max(case when fact in ('occupied', 'O') and is_change then fact_at end) as occupied_at,
        max(case when fact = 'vacated' then fact_at end) as vacated_at,
        max(case when fact in ('H', 'K') and is_change then fact_at end) as told_dirty_at,
        max(case when fact = 'U' and is_change then fact_at end) as cleaned_at
    from changes
    group by bed_key
),

occupants as (
    select
        s.bed_key,
        {{ latest_by('s.visit_key', 's.fold_order') }} as current_visit_key,
        count(*) as occupants
    from stays as s
    inner join {{ ref('canonical__visit') }} as v on v.visit_key = s.visit_key and v.bed_key = s.bed_key
    where s.until_order is null
    group by s.bed_key
),

reservations as (
    select
        bed_key,
        {{ latest_by("case when location_effect = 'reserve' then visit_key end", 'fold_order') }} as reserved_for_visit_key,
        max(case when location_effect = 'reserve' then fold_order end) as reserved_order,
        max(case when location_effect <> 'reserve' then fold_order end) as used_order
    from events
    where bed_key is not null and location_effect in ('reserve', 'unreserve', 'occupy')
    group by bed_key
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

states as (
    select
        m.*,
        f.operational_status,
        o.current_visit_key,
        o.occupants,
        case when r.reserved_order > coalesce(r.used_order, '') and v.main_state not in ('cancelled', 'discharged', 'entered_in_error') then r.reserved_for_visit_key end as reserved_for_visit_key,
        f.occupied_at,
        f.vacated_at,
        case when f.told_dirty_at >= coalesce(f.vacated_at, f.told_dirty_at) then f.told_dirty_at else f.vacated_at end as dirty_at,
        f.cleaned_at,
        f.last_fact,
        f.last_fact_at,
        c.started_at as cleaning_at
    from masters as m
    left join folded as f on f.bed_key = m.bed_key
    left join occupants as o on o.bed_key = m.bed_key
    left join reservations as r on r.bed_key = m.bed_key
    left join {{ ref('canonical__visit') }} as v on v.visit_key = r.reserved_for_visit_key
    left join cleanings as c on c.bed_key = m.bed_key
),

named as (
    select
        *,
        case
            when master_status <> 'active' then 'closed'
            when last_fact = 'C' then 'closed'
            when last_fact in ('occupied', 'O') then 'occupied'
            when current_visit_key is not null and last_fact not in ('U') then 'occupied'
            when cleaning_at >= last_fact_at and last_fact in ('H', 'vacated') then 'cleaning'
            when last_fact in ('H', 'vacated') then 'vacated_dirty'
            when last_fact = 'K' then 'contaminated'
            when last_fact = 'I' then 'isolated'
            when reserved_for_visit_key is not null then 'reserved'
            when last_fact = 'U' then 'available'
            else 'unknown'
        end as state
    from states
)

select
    bed_key,
    location_key,
    facility,
    unit,
    room,
    coalesce(name, bed) as bed_label,
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
        ['provisional', 'told_rank = 2'],
        ['several_visits', 'coalesce(occupants, 0) > 1'],
        ['occupied_without_visit', "operational_status = 'O' and current_visit_key is null"],
        ['visit_without_occupied', "operational_status <> 'O' and current_visit_key is not null"],
    ]) }} as quality_flags
from named

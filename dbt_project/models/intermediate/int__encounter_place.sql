-- Grain: one row per move that the locations of an Encounter (winning version) state: the arrival at each,
-- the way back from a trip to a place that was not left for it, and the leaving of a place that nothing
-- follows.
-- Locations that are planned or reserved are where nobody has been yet: they reserve.
with locations as (
    select
        l.source_system,
        l.resource_id,
        l.source_ref,
        l.ordinal,
        coalesce(l.status, '') as status,
        l.location_resource_id,
        l.period_start_at,
        l.period_start_precision,
        l.period_end_at,
        e.recorded_at,
        e.statement_order,
        e.is_stamped,
        e.status as encounter_status,
        e.period_start_at as encounter_start_at,
        e.period_end_at as encounter_end_at,
        i.visit_key,
        i.is_part,
        p.bed_key,
        p.unit_location_key,
        count(*) over (partition by l.source_system, l.resource_id) as locations,
        max(case when l.status = 'completed' then l.period_end_at end) over (
            partition by l.source_system, l.resource_id
        ) as last_end_at
    from {{ ref('stg_fhir__encounter_location') }} as l
    inner join {{ ref('stg_fhir__encounter') }} as e
        on e.source_system = l.source_system and e.resource_id = l.resource_id and e.is_current
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = l.source_system and i.resource_id = l.resource_id
    left join {{ ref('int__fhir_location') }} as p
        on p.source_system = l.source_system and p.resource_id = l.location_resource_id
    where e.status not in ('entered-in-error', 'cancelled')
),

-- From when to when the patient was there; open while the location is active, whatever end it has.
periods as (
    select
        *,
        coalesce(
            period_start_at,
            case
                when status = 'active' or status = '' then coalesce(last_end_at, encounter_start_at)
                when locations = 1 then encounter_start_at
            end
        ) as start_at,
        status = 'active' or (status = '' and coalesce(period_end_at > {{ as_of() }}, true)) as is_open
    from locations
    where status in ('', 'active', 'completed')
),

stays as (
    select
        *,
        case
            when is_open then null
            else least(
                coalesce(
                    period_end_at,
                    lead(start_at) over (partition by source_system, resource_id order by start_at, ordinal),
                    encounter_end_at,
                    recorded_at
                ),
                coalesce(recorded_at, {{ as_of() }})
            )
        end as end_at
    from periods
    where start_at is not null
),

-- A part adds where the patient was only where the whole says nothing of it. A ward beside the bed in it
-- says nothing that the bed does not.
counted as (
    select s.*
    from stays as s
    where
        not exists (
            select 1
            from stays as w
            where s.is_part and w.visit_key = s.visit_key and not w.is_part
        )
        and not exists (
            select 1
            from stays as b
            where
                s.bed_key is null
                and b.bed_key is not null
                and b.visit_key = s.visit_key
                and b.unit_location_key = s.unit_location_key
                and b.start_at <= s.start_at
                and (b.end_at is null or b.end_at > s.start_at)
        )
),

-- Of two that begin at one instant the open one and then the later in the list is where the patient went.
ranked as (
    select
        *,
        {{ time_text('start_at') }}
        || case when is_open then '1' else '0' end
        || case when bed_key is not null then '1' else '0' end
        || lpad(cast(ordinal as string), 6, '0')
        || resource_id as place_order
    from counted
),

-- Where a stay ends, and the latest begun of those that go on then.
ends as (
    select
        s.source_system,
        s.resource_id,
        s.location_resource_id,
        s.source_ref,
        s.recorded_at,
        s.statement_order,
        s.end_at,
        s.place_order,
        s.encounter_status,
        s.encounter_end_at,
        max(o.place_order) as place_order_then,
        {{ latest_by('o.location_resource_id', 'o.place_order') }} as location_then,
        {{ latest_by('o.source_system', 'o.place_order') }} as source_system_then,
        {{ latest_by('o.resource_id', 'o.place_order') }} as resource_id_then
    from ranked as s
    left join ranked as o
        on o.visit_key = s.visit_key
        and o.place_order <> s.place_order
        and o.start_at <= s.end_at
        and (o.end_at is null or o.end_at > s.end_at)
    where s.end_at is not null
    group by
        s.source_system,
        s.resource_id,
        s.location_resource_id,
        s.source_ref,
        s.recorded_at,
        s.statement_order,
        s.end_at,
        s.place_order,
        s.encounter_status,
        s.encounter_end_at
)

select
    source_system,
    resource_id,
    location_resource_id,
    'transfer' as event_type,
    start_at as occurred_at,
    case when period_start_at is not null then period_start_precision end as time_precision,
    period_start_at is not null as is_time_stated,
    'explicit' as confidence,
    source_ref,
    recorded_at,
    statement_order
from (
    select
        *,
        row_number() over (partition by visit_key, start_at order by place_order desc) as rank_at_instant
    from ranked
)
where rank_at_instant = 1
union all
select
    source_system_then as source_system,
    resource_id_then as resource_id,
    location_then as location_resource_id,
    'transfer' as event_type,
    end_at as occurred_at,
    'second' as time_precision,
    true as is_time_stated,
    'inferred' as confidence,
    source_ref,
    recorded_at,
    statement_order
from ends
where place_order_then < place_order
union all
select
    source_system,
    resource_id,
    location_resource_id,
    'location_left' as event_type,
    end_at as occurred_at,
    'second' as time_precision,
    true as is_time_stated,
    'inferred' as confidence,
    source_ref,
    recorded_at,
    statement_order
from ends
where
    place_order_then is null
    -- The end of the visit leaves the last place.
    and (coalesce(encounter_status, '') <> 'finished' or end_at < encounter_end_at)
union all
select
    source_system,
    resource_id,
    location_resource_id,
    'transfer_pending' as event_type,
    coalesce(recorded_at, encounter_start_at) as occurred_at,
    case when is_stamped then 'second' end as time_precision,
    false as is_time_stated,
    'explicit' as confidence,
    source_ref,
    recorded_at,
    statement_order
from locations
where
    status in ('planned', 'reserved')
    and not is_part
    and encounter_status in ('planned', 'arrived', 'triaged', 'in-progress', 'onleave')
    and bed_key is not null

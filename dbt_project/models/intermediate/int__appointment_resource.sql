-- Grain: one row per visit and practitioner, location, device or slot that its appointment takes up, each
-- with its own time. Of each kind the last statement of the best feed that names any counts, whole.
-- `offset_minutes` is from the start of the appointment, so that a move takes the resources along.
with statements as (
    select
        m.visit_key,
        m.appointment_key,
        m.feed,
        m.statement_order,
        r.kind,
        r.practitioner_key,
        {{ location_key('r.location_facility', 'r.location_unit') }} as location_key,
        case when r.kind = 'device' then r.device_code end as device_code,
        {{ null_columns(['slot_source_system', 'slot_resource_id']) }},
        coalesce(
            {{ minutes_between('m.scheduled_start_at', 'r.start_at') }},
            r.offset_minutes,
            0
        ) as offset_minutes,
        r.duration_minutes
    from {{ ref('int__scheduling_message') }} as m
    inner join {{ ref('stg_hl7v2__appointment_resource') }} as r on {{ same_staged_message('m', 'r') }}
    where
        m.visit_key is not null
        and m.event_type not in ('slot_blocked', 'slot_opened')
        and not r.is_taken_away
    union all
    select
        v.visit_key,
        v.appointment_key,
        {{ fhir_feed('v.source_system') }} as feed,
        v.statement_order,
        case
            when r.slot_resource_id is not null then 'slot'
            when r.practitioner_resource_id is not null then 'practitioner'
            when r.device_resource_id is not null then 'device'
            else 'location'
        end as kind,
        p.practitioner_key,
        l.unit_location_key as location_key,
        r.device_resource_id as device_code,
        case when r.slot_resource_id is not null then r.source_system end as slot_source_system,
        r.slot_resource_id,
        0 as offset_minutes,
        cast(null as bigint) as duration_minutes
    from {{ ref('int__appointment_version') }} as v
    inner join {{ ref('stg_fhir__appointment_resource') }} as r
        on r.source_system = v.source_system and r.resource_id = v.resource_id
    left join {{ ref('stg_fhir__practitioner') }} as p
        on p.source_system = r.source_system and p.resource_id = r.practitioner_resource_id
    left join {{ ref('int__fhir_location') }} as l
        on l.source_system = r.source_system and l.resource_id = r.location_resource_id
    where v.is_current
),

ranked as (
    select
        s.*,
        dense_rank() over (
            partition by s.visit_key, s.kind
            order by a.schedule_rank, s.feed, s.statement_order desc
        ) as statement_rank
    from statements as s
    left join {{ authority_ranks(ref('authority'), 'visit', ['schedule']) }} as a on a.feed = s.feed
    where coalesce(s.practitioner_key, s.location_key, s.device_code, s.slot_resource_id) is not null
),

-- A cancelled appointment takes all of them away, and still was with those people in that place.
taken_away as (
    select
        m.visit_key,
        m.statement_order,
        coalesce(
            r.practitioner_key,
            {{ location_key('r.location_facility', 'r.location_unit') }},
            r.device_code
        ) as resource_text
    from {{ ref('int__scheduling_message') }} as m
    inner join {{ ref('stg_hl7v2__appointment_resource') }} as r on {{ same_staged_message('m', 'r') }}
    where
        r.is_taken_away
        and m.event_type not in ('appointment_cancelled', 'appointment_deleted', 'appointment_no_show')
)

select distinct
    r.visit_key,
    r.appointment_key,
    r.kind,
    r.practitioner_key,
    r.location_key,
    r.device_code,
    r.slot_source_system,
    r.slot_resource_id,
    r.offset_minutes,
    r.duration_minutes
from ranked as r
where
    r.statement_rank = 1
    and not exists (
        select 1
        from taken_away as t
        where
            t.visit_key = r.visit_key
            and t.resource_text = coalesce(r.practitioner_key, r.location_key, r.device_code)
            and t.statement_order > r.statement_order
    )

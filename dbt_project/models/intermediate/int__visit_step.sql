-- Grain: one row per statement of a step of a visit that no trigger and no status states: an observation, the
-- part of a provider, a disposition before the end (seed step_event).
with steps as (
    select * from {{ ref('step_event') }}
),

-- The rows of a value go before the row of any value.
hl7_observations as (
    select
        o.*,
        any_value.event_type as any_event_type,
        own_value.event_type as own_event_type,
        own_value.code is not null as is_own_value
    from {{ ref('stg_hl7v2__visit_observation') }} as o
    inner join steps as any_value
        on any_value.element = 'observation'
        and any_value.code = o.code
        and any_value.value = '*'
        and any_value.time_from = 'observed'
    left join steps as own_value
        on own_value.element = 'observation' and own_value.code = o.code and own_value.value = o.value
),

fhir_observations as (
    select
        o.*,
        any_value.time_from,
        any_value.event_type as any_event_type,
        own_value.event_type as own_event_type,
        own_value.code is not null as is_own_value
    from {{ ref('stg_fhir__visit_observation') }} as o
    inner join steps as any_value
        on any_value.element = 'observation'
        and any_value.code = o.code
        and any_value.value = '*'
        and (any_value.time_from = 'observed' or o.period_start_at is not null)
    left join steps as own_value
        on own_value.element = 'observation' and own_value.code = o.code and own_value.value = o.value
),

encounters as (
    select
        *,
        lag(discharge_disposition) over (
            partition by source_system, resource_id order by statement_order
        ) as disposition_before
    from {{ ref('stg_fhir__encounter') }}
)

select
    o.source_system,
    o.source_ref,
    o.feed,
    v.visit_key,
    v.patient_key,
    case when o.is_own_value then o.own_event_type else o.any_event_type end as event_type,
    o.observed_at as own_at,
    coalesce(o.observed_at, o.occurred_at, o.recorded_at) as occurred_at,
    case
        when o.observed_at is not null then o.observed_precision
        when o.occurred_at is not null then o.occurred_precision
        when o.is_stamped then 'second'
    end as time_precision,
    o.recorded_at,
    o.statement_order,
    'explicit' as confidence,
    o.message_type || '^' || o.trigger_event as source_trigger,
    o.control_id
from hl7_observations as o
inner join {{ ref('int__message_visit') }} as v on {{ same_patient_group('o', 'v') }}
union all
select
    r.source_system,
    r.source_ref,
    r.feed,
    m.visit_key,
    m.patient_key,
    s.event_type,
    r.begin_at as own_at,
    r.begin_at as occurred_at,
    r.begin_precision as time_precision,
    r.recorded_at,
    r.statement_order,
    'explicit' as confidence,
    r.message_type || '^' || r.trigger_event as source_trigger,
    r.control_id
from {{ ref('stg_hl7v2__visit_role') }} as r
inner join steps as s on s.element = 'ROL-3' and s.code = r.role_code
inner join {{ ref('int__message_visit') }} as m on {{ same_patient_group('r', 'm') }}
inner join {{ ref('stg_hl7v2__visit') }} as v on {{ same_patient_group('r', 'v') }}
where
    r.begin_precision not in ('year', 'month', 'day')
    -- A part that begins with the visit is that of who answers for it, and no contact.
    and coalesce(r.begin_at > v.began_at, true)
union all
select
    o.source_system,
    o.source_ref,
    {{ fhir_feed('o.source_system') }} as feed,
    i.visit_key,
    i.patient_key,
    case when o.is_own_value then o.own_event_type else o.any_event_type end as event_type,
    case o.time_from when 'period_start' then o.period_start_at else o.observed_at end as own_at,
    coalesce(
        case o.time_from when 'period_start' then o.period_start_at else o.observed_at end, o.recorded_at
    ) as occurred_at,
    case
        when o.time_from = 'period_start' then o.period_start_precision
        when o.observed_at is not null then o.observed_precision
        when o.is_stamped then 'second'
    end as time_precision,
    o.recorded_at,
    o.statement_order,
    'explicit' as confidence,
    'Observation.code' as source_trigger,
    {{ null_columns(['control_id']) }}
from fhir_observations as o
inner join {{ ref('int__fhir_encounter') }} as i
    on i.source_system = o.source_system and i.resource_id = o.encounter_resource_id
union all
select
    p.source_system,
    p.source_ref,
    {{ fhir_feed('p.source_system') }} as feed,
    i.visit_key,
    i.patient_key,
    s.event_type,
    p.period_start_at as own_at,
    p.period_start_at as occurred_at,
    p.period_start_precision as time_precision,
    p.recorded_at,
    p.statement_order,
    'explicit' as confidence,
    'Encounter.participant' as source_trigger,
    e.version_id as control_id
from {{ ref('stg_fhir__encounter_participant') }} as p
inner join steps as s on s.element = 'participant' and ',' || p.type_codes || ',' like '%,' || s.code || ',%'
inner join {{ ref('stg_fhir__encounter') }} as e
    on e.source_system = p.source_system and e.resource_id = p.resource_id and e.is_current
inner join {{ ref('int__fhir_encounter') }} as i
    on i.source_system = p.source_system and i.resource_id = p.resource_id
where
    p.period_start_precision not in ('year', 'month', 'day')
    and e.status not in ('planned', 'cancelled', 'entered-in-error')
    -- Exports often give every participant the period of the encounter.
    and p.period_start_at > e.period_start_at
    and not i.is_part
union all
select
    e.source_system,
    e.source_ref,
    {{ fhir_feed('e.source_system') }} as feed,
    i.visit_key,
    i.patient_key,
    s.event_type,
    {{ null_columns(['own_at']) }},
    e.recorded_at as occurred_at,
    case when e.is_stamped then 'second' end as time_precision,
    e.recorded_at,
    e.statement_order,
    'inferred' as confidence,
    'Encounter.hospitalization' as source_trigger,
    e.version_id as control_id
from encounters as e
inner join steps as s on s.element = 'disposition' and s.code = e.discharge_disposition
inner join {{ ref('int__fhir_encounter') }} as i
    on i.source_system = e.source_system and i.resource_id = e.resource_id
where
    e.status in ('arrived', 'triaged', 'in-progress', 'onleave')
    and e.period_end_at is null
    and coalesce(e.disposition_before <> e.discharge_disposition, true)
    and not i.is_part

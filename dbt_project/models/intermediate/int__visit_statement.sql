-- Grain: one row per statement of a feed about a visit, in one shape for messages and resources.
-- A cancel and a deletion say nothing of the class of a visit; what was cancelled, a cancel of what came
-- after the beginning, and a message that does not name the visit, only where nothing else
-- does (`assumed_class`).
{% set states_class -%}
coalesce(v.effect <> 'cancel' and v.event_type <> 'visit_deleted' and c.visit_key is null
        and not m.is_assumed, false)
{%- endset %}
with cancelled_beginnings as (
    select distinct
        e.visit_key,
        e.source_ref
    from {{ ref('int__visit_event_cancel') }} as c
    inner join {{ ref('int__visit_event_precedence') }} as e on e.event_id = c.original_id
    where e.event_type in ('admitted', 'arrived', 'class_changed')
    union
    select
        visit_key,
        source_ref
    from {{ ref('int__visit_event_fallen') }}
)

select
    a.source_system,
    a.source_ref,
    a.recorded_at,
    a.statement_order,
    a.feed,
    a.visit_key,
    a.patient_key,
    'assigned' as key_quality,
    v.visit_number,
    a.appointment_id,
    v.visit_class,
    {{ null_columns(['assumed_class']) }},
    a.service_type,
    a.appointment_type,
    a.reason_code,
    a.scheduled_start_at,
    a.scheduled_start_precision,
    a.scheduled_start_zone_source,
    a.scheduled_end_at,
    a.duration_minutes,
    {{ null_columns(['booked_at']) }},
    case
        -- SCH-6 is the reason of this message: of a change of time it is none for a cancellation.
        when a.appointment_status in ('cancelled', 'noshow', 'entered-in-error') then a.event_reason_code
    end as cancel_reason_code,
    a.practitioner_key,
    {{ location_key('a.location_facility', 'a.location_unit') }} as location_key,
    {{ null_columns([
        'pending_location_key', 'expected_discharge_at', 'expected_discharge_precision',
        'discharge_disposition', 'fhir_status',
    ]) }}
from {{ ref('int__scheduling_message') }} as a
left join {{ ref('stg_hl7v2__visit') }} as v on {{ same_patient_group('a', 'v') }}
where a.visit_key is not null and a.event_type not in ('slot_blocked', 'slot_opened')
union all
select
    v.source_system,
    v.source_ref,
    v.recorded_at,
    v.statement_order,
    v.feed,
    m.visit_key,
    m.patient_key,
    m.key_quality,
    v.visit_number,
    {{ null_columns(['appointment_id']) }},
    case when {{ states_class }} then v.visit_class end as visit_class,
    case
        when
            not {{ states_class }}
            and v.event_type <> 'visit_deleted'
            -- A visit known by its A13 alone goes on, and is listed: it had no class at all.
            and (v.effect <> 'cancel' or v.cancels not in ('admitted', 'pre_admitted', 'admit_pending'))
            then v.visit_class
    end as assumed_class,
    v.service_type,
    {{ null_columns(['appointment_type']) }},
    v.reason_code,
    case
        -- PV2-8 stays in later messages: after the admission it is no plan any more.
        when v.event_type in ('pre_admitted', 'admit_pending')
            then coalesce(v.expected_admit_at, v.planned_at)
    end as scheduled_start_at,
    case
        when v.event_type in ('pre_admitted', 'admit_pending')
            then case
                when v.expected_admit_at is not null then v.expected_admit_precision
                else v.planned_precision
            end
    end as scheduled_start_precision,
    {{ null_columns(['scheduled_start_zone_source']) }},
    {{ null_columns(['scheduled_end_at', 'duration_minutes', 'booked_at', 'cancel_reason_code']) }},
    v.practitioner_key,
    {{ location_key('v.location_facility', 'v.location_unit') }} as location_key,
    {{ location_key('v.pending_facility', 'v.pending_unit') }} as pending_location_key,
    v.expected_discharge_at,
    v.expected_discharge_precision,
    -- A discharge that was cancelled has no disposition, whatever the message still carries; one that
    -- states none does not take over that of an earlier discharge ("expired" would be fatal).
    case v.event_type
        when 'discharge_cancelled' then '""'
        when 'departed' then coalesce(v.discharge_disposition, '')
        else v.discharge_disposition
    end as discharge_disposition,
    {{ null_columns(['fhir_status']) }}
from {{ ref('stg_hl7v2__visit') }} as v
inner join {{ ref('int__message_visit') }} as m on {{ same_patient_group('v', 'm') }}
left join cancelled_beginnings as c on c.visit_key = m.visit_key and c.source_ref = v.source_ref
where m.visit_key is not null and v.feed <> 'siu' and (v.feed <> 'adt' or v.event_region = 'visit')
union all
select
    a.source_system,
    a.source_ref,
    a.recorded_at,
    a.statement_order,
    {{ fhir_feed('a.source_system') }} as feed,
    a.visit_key,
    a.patient_key,
    'assigned' as key_quality,
    {{ null_columns(['visit_number']) }},
    a.appointment_id,
    {{ null_columns(['visit_class', 'assumed_class']) }},
    a.service_type,
    a.appointment_type,
    a.reason_code,
    a.scheduled_start_at,
    a.scheduled_start_precision,
    a.scheduled_start_zone_source,
    a.scheduled_end_at,
    coalesce(
        a.duration_minutes,
        case
            when not {{ is_day_alone('a.scheduled_start_precision') }}
                then {{ minutes_between('a.scheduled_start_at', 'a.scheduled_end_at') }}
        end
    ) as duration_minutes,
    a.booked_at,
    a.cancel_reason_code,
    d.practitioner_key,
    l.unit_location_key as location_key,
    {{ null_columns([
        'pending_location_key', 'expected_discharge_at', 'expected_discharge_precision',
        'discharge_disposition', 'fhir_status',
    ]) }}
from {{ ref('int__appointment_version') }} as a
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = a.source_system and d.resource_id = a.practitioner_resource_id
left join {{ ref('int__fhir_location') }} as l
    on l.source_system = a.source_system and l.resource_id = a.location_resource_id
union all
select
    e.source_system,
    e.source_ref,
    e.recorded_at,
    e.statement_order,
    {{ fhir_feed('e.source_system') }} as feed,
    i.visit_key,
    i.patient_key,
    'assigned' as key_quality,
    e.visit_number,
    {{ null_columns(['appointment_id']) }},
    e.visit_class,
    {{ null_columns(['assumed_class']) }},
    e.service_type,
    {{ null_columns(['appointment_type']) }},
    e.reason_code,
    {{ null_columns([
        'scheduled_start_at', 'scheduled_start_precision', 'scheduled_start_zone_source',
        'scheduled_end_at', 'duration_minutes', 'booked_at', 'cancel_reason_code',
    ]) }},
    d.practitioner_key,
    {{ null_columns(['location_key', 'pending_location_key']) }},
    e.expected_discharge_at,
    e.expected_discharge_precision,
    e.discharge_disposition,
    e.status as fhir_status
from {{ ref('stg_fhir__encounter') }} as e
inner join {{ ref('int__fhir_encounter') }} as i
    on i.source_system = e.source_system and i.resource_id = e.resource_id
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = e.source_system and d.resource_id = e.practitioner_resource_id
where e.is_current and not i.is_part

-- Grain: one row per statement of a feed about a visit, in one shape for messages and resources.
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
    a.service_type,
    a.appointment_type,
    a.reason_code,
    a.scheduled_start_at,
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
        'pending_location_key', 'expected_discharge_at', 'discharge_disposition', 'fhir_status',
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
    v.visit_class,
    v.service_type,
    {{ null_columns(['appointment_type']) }},
    v.reason_code,
    case
        -- PV2-8 stays in later messages: after the admission it is no plan any more.
        when v.event_type in ('pre_admitted', 'admit_pending')
            then coalesce(v.expected_admit_at, v.planned_at)
    end as scheduled_start_at,
    {{ null_columns(['scheduled_end_at', 'duration_minutes', 'booked_at', 'cancel_reason_code']) }},
    v.practitioner_key,
    {{ location_key('v.location_facility', 'v.location_unit') }} as location_key,
    {{ location_key('v.pending_facility', 'v.pending_unit') }} as pending_location_key,
    v.expected_discharge_at,
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
where m.visit_key is not null and v.feed <> 'siu' and (v.feed <> 'adt' or v.event_region = 'visit')
union all
select
    a.source_system,
    a.source_ref,
    a.recorded_at,
    a.statement_order,
    'fhir' as feed,
    {{ appointment_visit_key('a.appointment_authority', 'a.appointment_id') }} as visit_key,
    p.patient_key,
    'assigned' as key_quality,
    {{ null_columns(['visit_number']) }},
    a.appointment_id,
    {{ null_columns(['visit_class']) }},
    a.service_type,
    a.appointment_type,
    a.reason_code,
    a.scheduled_start_at,
    a.scheduled_end_at,
    coalesce(
        a.duration_minutes,
        {{ minutes_between('a.scheduled_start_at', 'a.scheduled_end_at') }}
    ) as duration_minutes,
    a.booked_at,
    a.cancel_reason_code,
    d.practitioner_key,
    l.unit_location_key as location_key,
    {{ null_columns([
        'pending_location_key', 'expected_discharge_at', 'discharge_disposition', 'fhir_status',
    ]) }}
from {{ ref('stg_fhir__appointment') }} as a
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = a.source_system and p.resource_id = a.patient_resource_id
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
    'fhir' as feed,
    i.visit_key,
    i.patient_key,
    'assigned' as key_quality,
    e.visit_number,
    {{ null_columns(['appointment_id']) }},
    e.visit_class,
    e.service_type,
    {{ null_columns(['appointment_type']) }},
    e.reason_code,
    {{ null_columns([
        'scheduled_start_at', 'scheduled_end_at', 'duration_minutes', 'booked_at', 'cancel_reason_code',
    ]) }},
    d.practitioner_key,
    {{ null_columns(['location_key', 'pending_location_key']) }},
    e.expected_discharge_at,
    e.discharge_disposition,
    e.status as fhir_status
from {{ ref('stg_fhir__encounter') }} as e
inner join {{ ref('int__fhir_encounter') }} as i
    on i.source_system = e.source_system and i.resource_id = e.resource_id
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = e.source_system and d.resource_id = e.practitioner_resource_id
where e.is_current

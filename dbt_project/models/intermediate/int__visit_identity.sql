-- Grain: one row per identifier of a visit: appointment id, visit number or resource id.
select distinct
    'APPT' as identifier_type,
    appointment_authority as identifier_authority,
    appointment_id as identifier_value,
    visit_key
from {{ ref('int__scheduling_message') }}
where appointment_id is not null and event_type not in ('slot_blocked', 'slot_opened')
union
select distinct
    'APPT' as identifier_type,
    appointment_authority as identifier_authority,
    appointment_id as identifier_value,
    {{ appointment_visit_key('appointment_authority', 'appointment_id') }} as visit_key
from {{ ref('stg_fhir__appointment') }}
union
select distinct
    'VN' as identifier_type,
    v.visit_number_authority as identifier_authority,
    v.visit_number as identifier_value,
    m.visit_key
from {{ ref('stg_hl7v2__visit') }} as v
inner join {{ ref('int__message_visit') }} as m
    on m.source_system = v.source_system
    and m.received = v.received
    and m.message = v.message
    and m.patient_group = v.patient_group
where v.visit_number is not null
union
select
    'FHIR' as identifier_type,
    source_system as identifier_authority,
    resource_id as identifier_value,
    visit_key
from {{ ref('int__fhir_encounter') }}

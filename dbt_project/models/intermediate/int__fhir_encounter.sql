-- Grain: one row per Encounter resource, with the visit and the patient it belongs to.
select
    e.source_system,
    e.resource_id,
    case
        -- In the order of how early a key is known: an appointment exists before its visit has a number, and
        -- a visit that was booked must keep the key under which it was booked.
        when a.resource_id is not null
            then {{ appointment_visit_key('a.appointment_authority', 'a.appointment_id') }}
        when e.visit_number is not null
            then coalesce(n.visit_key, {{ number_visit_key('e.visit_number_authority', 'e.visit_number') }})
        else {{ key('visit', ['e.source_system', "'Encounter'", 'e.resource_id']) }}
    end as visit_key,
    p.patient_key
from {{ ref('stg_fhir__encounter') }} as e
left join {{ ref('stg_fhir__appointment') }} as a
    on a.source_system = e.source_system
    and a.resource_id = e.appointment_resource_id
    and a.is_current
left join {{ ref('int__visit_number') }} as n
    on n.visit_number_authority = e.visit_number_authority and n.visit_number = e.visit_number
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = e.source_system and p.resource_id = e.patient_resource_id
where e.is_current

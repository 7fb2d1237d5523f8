-- Grain: one row per AppointmentResponse resource (winning version) that names its appointment.
{% set references = ref('stg_fhir__reference') %}
with answers as (
    select
        r.*,
        coalesce(
            r.appointment_id,
            {{ named_id(references, 'r', 'AppointmentResponse', 'appointment', 'Appointment') }}
        ) as appointment_resource_id,
        coalesce(
            r.patient_id, {{ named_id(references, 'r', 'AppointmentResponse', 'actor', 'Patient') }}
        ) as patient_resource_id
    from {{ current_version(
        source('lake', 'fhir__appointment_response'), ref('stg_fhir__version'), 'AppointmentResponse'
    ) }} as r
)

select
    {{ fhir_origin('r') }},
    {{ fhir_order('r') }} as statement_order,
    r.is_stamped,
    r.appointment_resource_id,
    r.patient_resource_id,
    r.practitioner_id as practitioner_resource_id,
    case
        when r.patient_resource_id is not null then 'patient'
        when r.related_person_id is not null then 'related_person'
        when r.practitioner_id is not null then 'practitioner'
        else 'other'
    end as actor_kind,
    coalesce(r.patient_resource_id, r.actor_reference, '') as actor_id,
    r.participant_status,
    r.start_at as proposed_start_at
from answers as r
where r.appointment_resource_id is not null

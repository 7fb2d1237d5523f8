-- Grain: one row per scheduling message and patient that it names, with the visit that the appointment is
-- to that patient. A message that names nobody is about every patient of the appointment.
with patients as (
    select
        source_system,
        received,
        message,
        patient_key,
        min(patient_group) as patient_group
    from {{ ref('int__message_patient') }}
    group by source_system, received, message, patient_key
)

select
    a.*,
    k.appointment_key,
    k.appointment_id,
    coalesce(k.is_ambiguous, false) as is_ambiguous,
    coalesce(v.visit_key, k.appointment_key) as visit_key,
    coalesce(p.patient_key, case when v.is_group then v.patient_key end) as patient_key,
    coalesce(p.patient_group, 1) as patient_group,
    coalesce(v.visit_key <> k.appointment_key, false) as is_one_of_group,
    {{ placer_order_key(
        'coalesce(a.placer_order_authority, placer.authority, a.sender)', 'a.placer_order_number'
    ) }} as placer_order_key
from {{ ref('stg_hl7v2__appointment') }} as a
left join {{ ref('int__appointment_key') }} as k on {{ same_staged_message('a', 'k') }}
left join patients as p on {{ same_staged_message('a', 'p') }}
left join {{ ref('int__message_patient') }} as first_patient
    on {{ same_staged_message('a', 'first_patient') }} and first_patient.patient_group = 1
{{ join_number_authority(
    ref('int__identifier_authority'),
    'placer',
    'order_placer',
    'a',
    'placer_order_number',
    'a.sender',
    'first_patient',
) }}
left join {{ ref('int__appointment_patient') }} as v
    on v.appointment_key = k.appointment_key
    and (v.patient_key = p.patient_key or (p.patient_key is null and v.is_group))

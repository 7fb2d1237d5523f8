-- Grain: one row per scheduling message, with the visit and the patient it belongs to.
select
    a.*,
    {{ appointment_visit_key('a.appointment_authority', 'a.appointment_id') }} as visit_key,
    p.patient_key
from {{ ref('stg_hl7v2__appointment') }} as a
left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('a', 'p') }}

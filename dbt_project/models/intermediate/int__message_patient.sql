-- Grain: one row per patient named in a message (message, patient_group), merges followed.
select
    p.source_system,
    p.received,
    p.message,
    p.patient_group,
    p.own_patient_key,
    coalesce(s.patient_key, p.own_patient_key) as patient_key
from {{ ref('int__patient_record') }} as p
left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = p.own_patient_key
where p.part = 'own' and p.message is not null

-- Grain: one row per Patient resource, with the key that references to it lead to.
select
    p.source_system,
    p.resource_id,
    p.own_patient_key,
    coalesce(s.patient_key, p.own_patient_key) as patient_key
from {{ ref('int__patient_record') }} as p
left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = p.own_patient_key
where p.part = 'own' and p.resource_id is not null

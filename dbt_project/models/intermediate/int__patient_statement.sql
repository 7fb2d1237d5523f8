-- Grain: one row per statement of a feed about a patient, in one shape for messages and resources.
{% set shared_columns -%}
p.source_system,
    p.source_ref,
    p.recorded_at,
    p.statement_order,
    p.feed,
    r.own_patient_key,
    r.is_in_conflict,
    r.is_identifying,
    p.family_name,
    p.given_names,
    p.name_use,
    p.preferred_name,
    p.administrative_sex,
    p.phone_mobile,
    p.phone_home,
    p.phone_work,
    p.email,
    p.address_line,
    p.city,
    p.state,
    p.postal_code,
    p.preferred_language,
    p.deceased_at,
    p.is_active
{%- endset %}
select
    {{ shared_columns }},
    {{ null_columns(['interpreter_needed']) }},
    p.general_practitioner_key,
    p.birth_date,
    p.is_deceased,
    -- Messages have no flag for it; the export marks test patients (`HTEST`).
    false as is_test,
    p.is_test_message
from {{ ref('stg_hl7v2__patient') }} as p
inner join {{ ref('int__patient_record') }} as r on {{ same_patient_group('p', 'r') }} and r.part = 'own'
union all
select
    {{ shared_columns }},
    case when p.is_interpreter_needed then 'true' when not p.is_interpreter_needed then 'false' end
        as interpreter_needed,
    d.practitioner_key as general_practitioner_key,
    -- As text, as messages state it: only text can say that a field was cleared (`""`).
    cast(p.birth_date as string) as birth_date,
    case when p.is_deceased then 'true' when not p.is_deceased then 'false' end as is_deceased,
    coalesce(p.is_test, false) as is_test,
    false as is_test_message
from {{ ref('stg_fhir__patient') }} as p
inner join {{ ref('int__patient_record') }} as r
    on r.source_system = p.source_system and r.resource_id = p.resource_id and r.part = 'own'
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = p.source_system and d.resource_id = p.general_practitioner_resource_id

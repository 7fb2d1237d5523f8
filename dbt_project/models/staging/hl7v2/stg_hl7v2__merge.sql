-- Grain: one row per prior patient identifier of a merge message.
select
    {{ hl7_origin('p') }},
    p.statement_order,
    p.recorded_at,
    p.patient_group,
    p.own_patient_key as surviving_own_key,
    {{ key('patient', [
        'coalesce(' ~ held('m.assigning_authority') ~ ', p.own_authority)',
        'coalesce(' ~ mapped('kind', held('m.identifier_type')) ~ ', p.own_type)',
        'm.id',
    ]) }} as prior_own_key,
    coalesce({{ held('m.assigning_authority') }}, p.own_authority) as identifier_authority,
    coalesce({{ mapped('kind', held('m.identifier_type')) }}, p.own_type) as identifier_type,
    m.id as identifier_value
from {{ ref('stg_hl7v2__patient_key') }} as p
inner join {{ source('lake', 'hl7v2__mrg_identifier') }} as m
    on {{ same_message('p', 'm') }} and m.patient_group = p.patient_group
{{ join_code_map(ref('code_map_identifier_type'), 'kind', 'p.source_system', 'm.identifier_type') }}
where p.effect = 'merge' and {{ held('m.id') }} is not null

{{ config(materialized='table', database='scratch') }}
-- Grain: one row per patient identifier of a message; social security numbers stay behind.
select
    {{ hl7_origin('m') }},
    i.patient_group,
    i.repeat,
    coalesce({{ held('i.assigning_authority') }}, m.sender) as identifier_authority,
    coalesce({{ mapped('kind', held('i.identifier_type')) }}, 'MR') as identifier_type,
    i.identifier_type as identifier_type_code,
    i.id as identifier_value
from {{ ref('stg_hl7v2__event') }} as m
inner join {{ source('lake', 'hl7v2__pid_identifier') }} as i on {{ same_message('m', 'i') }}
{{ join_code_map(ref('code_map_identifier_type'), 'kind', 'm.source_system', 'i.identifier_type') }}
where {{ held('i.id') }} is not null and coalesce(i.identifier_type, '') not in ('SS', 'SSN')

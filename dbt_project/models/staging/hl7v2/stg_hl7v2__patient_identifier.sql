{{ config(materialized='table', database='scratch') }}
-- Grain: one row per patient identifier of a message (PID-3, and the legacy PID-2 and PID-4) as it is
-- stated: who assigned it and its type are NULL where no one states them; social security numbers stay
-- behind.
{% set identifiers -%}
(
    select
        source,
        received,
        message,
        patient_group,
        'PID-3' as field,
        repeat,
        id,
        assigning_authority as namespace,
        assigning_authority_universal_id as universal_id,
        identifier_type,
        expiration_date
    from {{ source('lake', 'hl7v2__pid_identifier') }}
    {% for field, name in [('PID-2', 'external'), ('PID-4', 'alternate')] %}
    union all
    select
        source,
        received,
        message,
        patient_group,
        '{{ field }}' as field,
        1 as repeat,
        {{ name }}_id as id,
        {{ name }}_authority as namespace,
        {{ name }}_authority_universal_id as universal_id,
        {{ name }}_type as identifier_type,
        cast(null as date) as expiration_date
    from {{ source('lake', 'hl7v2__pid') }}
    {% endfor %}
)
{%- endset %}
select
    {{ hl7_origin('m') }},
    m.sender,
    m.recorded_at,
    i.patient_group,
    i.field,
    i.repeat,
    {{ authority_of('a', 'i.namespace', 'i.universal_id') }} as identifier_authority,
    {{ mapped('kind', held('i.identifier_type')) }} as identifier_type,
    {{ held('i.identifier_type') }} as identifier_type_code,
    trim(i.id) as identifier_value,
    -- Of a number that is over, the message says that it was the patient's.
    coalesce(i.expiration_date < cast(m.recorded_at as date), false) as is_old
from {{ ref('stg_hl7v2__event') }} as m
inner join {{ identifiers }} as i on {{ same_message('m', 'i') }}
{{ join_authority(ref('stg_hl7v2__authority'), 'a', 'i.namespace', 'i.universal_id') }}
{{ join_code_map(ref('code_map_identifier_type'), 'kind', 'm.source_system', 'i.identifier_type') }}
where
    nullif(trim({{ held('i.id') }}), '') is not null
    and coalesce({{ mapped('kind', held('i.identifier_type')) }}, '') <> 'SS'
    and coalesce({{ authority_of('a', 'i.namespace', 'i.universal_id') }}, '') <> 'SSA'

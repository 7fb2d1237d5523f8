{{ config(materialized='table', database='scratch') }}
-- Grain: one row per prior patient identifier (MRG-1, and the legacy MRG-2 and MRG-4) of a message that
-- merges two records or takes their merge back; `effect` says which.
{% set identifiers -%}
(
    select
        source,
        received,
        message,
        patient_group,
        'MRG-1' as field,
        id,
        assigning_authority as namespace,
        assigning_authority_universal_id as universal_id,
        identifier_type
    from {{ source('lake', 'hl7v2__mrg_identifier') }}
    {% for field, name in [('MRG-2', 'prior_alternate'), ('MRG-4', 'prior_external')] %}
    union all
    select
        source,
        received,
        message,
        patient_group,
        '{{ field }}' as field,
        {{ name }}_id as id,
        {{ name }}_authority as namespace,
        {{ name }}_authority_universal_id as universal_id,
        {{ name }}_type as identifier_type
    from {{ source('lake', 'hl7v2__mrg') }}
    {% endfor %}
)
{%- endset %}
-- MRG-1 alone does not say it: the trigger decides whether the two records are merged, and by which field.
with merging_triggers as (
    select
        message_type,
        trigger_event,
        effect,
        case condition
            when 'prior_record' then 'MRG-1'
            when 'prior_alternate' then 'MRG-2'
            when 'prior_external' then 'MRG-4'
        end as field
    from {{ ref('trigger_event') }}
    where
        (effect = 'merge' and condition in ('*', 'prior_external', 'prior_alternate'))
        or (effect = 'unlink' and condition = 'prior_record')
)

select
    {{ hl7_origin('m') }},
    m.sender,
    m.statement_order,
    m.recorded_at,
    m.is_stamped,
    t.effect,
    i.patient_group,
    i.field,
    {{ authority_of('a', 'i.namespace', 'i.universal_id') }} as identifier_authority,
    {{ mapped('kind', held('i.identifier_type')) }} as identifier_type,
    trim(i.id) as identifier_value
from {{ ref('stg_hl7v2__event') }} as m
inner join merging_triggers as t
    on t.message_type = m.message_type and t.trigger_event = m.trigger_event
inner join {{ identifiers }} as i on {{ same_message('m', 'i') }} and i.field = coalesce(t.field, i.field)
{{ join_authority(ref('stg_hl7v2__authority'), 'a', 'i.namespace', 'i.universal_id') }}
{{ join_code_map(ref('code_map_identifier_type'), 'kind', 'm.source_system', 'i.identifier_type') }}
where
    nullif(trim({{ held('i.id') }}), '') is not null
    and coalesce({{ mapped('kind', held('i.identifier_type')) }}, '') <> 'SS'
    and coalesce({{ authority_of('a', 'i.namespace', 'i.universal_id') }}, '') <> 'SSA'

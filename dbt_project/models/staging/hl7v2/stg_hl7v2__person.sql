-- Grain: one row per practitioner named in a message.
{% set named_by = [
    (source('lake', 'hl7v2__pv1'), 'attending'),
    (source('lake', 'hl7v2__aip'), 'personnel'),
    (source('lake', 'hl7v2__orc'), 'ordering_provider'),
    (source('lake', 'hl7v2__obr'), 'ordering_provider'),
] %}
{% for relation, name in named_by %}
select
    m.source_system,
    m.source_ref,
    m.message_at as recorded_at,
    {{ hl7_order('m.message_at', 'm') }} as statement_order,
    {{ person_key('s.' ~ name, 'm.sender') }} as practitioner_key,
    s.{{ name }}_id as practitioner_id,
    {{ held('s.' ~ name ~ '_authority') }} as practitioner_authority,
    {{ held('s.' ~ name ~ '_family') }} as family_name,
    {{ held('s.' ~ name ~ '_given') }} as given_names
from {{ ref('stg_hl7v2__message') }} as m
inner join {{ relation }} as s on {{ same_message('m', 's') }}
where {{ held('s.' ~ name ~ '_id') }} is not null
{{ "union all" if not loop.last }}
{% endfor %}

{#- The name of an authority as all sources write it: an OID bare (`urn:oid:` left out), a URI in small
    letters without a slash at its end, a namespace as it stands. NULL and `""` are none. -#}
{% macro authority_text(name) -%}
case
    when {{ name }} is null or trim({{ name }}) in ('', '""') then null
    when lower({{ name }}) like 'urn:oid:%' then substr(trim({{ name }}), 9)
    when lower({{ name }}) like 'http%/'
        then lower(substr(trim({{ name }}), 1, length(trim({{ name }})) - 1))
    when lower({{ name }}) like 'http%' then lower(trim({{ name }}))
    else trim({{ name }})
end
{%- endmacro %}

{#- Join what the names of an authority stand for: `authorities` is `stg_hl7v2__authority`, `namespace`
    CX-4.1 or EI-2 (or Identifier.system), `universal_id` CX-4.2 or EI-3, NULL where a format has none. -#}
{% macro join_authority(authorities, alias, namespace, universal_id = 'null') -%}
left join {{ authorities }} as {{ alias }}_named on {{ alias }}_named.alias = {{ authority_text(namespace) }}
{%- if universal_id != 'null' %}
left join {{ authorities }} as {{ alias }}_universal
    on {{ alias }}_universal.alias = {{ authority_text(universal_id) }}
{%- endif %}
{%- endmacro %}

{#- The authority that joined names stand for; NULL where none is named. The universal id comes before the
    namespace, which two senders may use for two authorities. -#}
{% macro authority_of(alias, namespace, universal_id = 'null') -%}
coalesce(
        {%- if universal_id != 'null' %}
        {{ alias }}_universal.authority,
        {%- endif %}
        {{ alias }}_named.authority,
        {{ authority_text(namespace) }}
        {%- if universal_id != 'null' %},
        {{ authority_text(universal_id) }}
        {%- endif %}
    )
{%- endmacro %}

{#- A value as placeholders are compared: capitals, without spaces and punctuation. -#}
{% macro compared_value(value) -%}
translate(upper({{ value }}), ' -_./#*?:', '')
{%- endmacro %}

{#- Whether a row of the seed placeholder_value (`placeholder`) is about a value. -#}
{% macro is_placeholder(placeholder, value) -%}
(
        ({{ placeholder }}.match = 'exact' and {{ placeholder }}.value = {{ value }})
        or ({{ placeholder }}.match = 'prefix' and {{ value }} like {{ placeholder }}.value || '%')
        or (
            {{ placeholder }}.match = 'repeated'
            and length({{ value }}) >= cast({{ placeholder }}.least_length as integer)
            and replace({{ value }}, {{ placeholder }}.value, '') = ''
        )
    )
{%- endmacro %}

{#- What names a patient's part of a message, and a Patient resource, among all records about patients;
    `row` has the columns of a row of staging. -#}
{% macro message_record_ref(row) -%}
{{ row }}.source_system || '|' || cast({{ row }}.received as string) || '|'
            || cast({{ row }}.message as string) || '|' || cast({{ row }}.patient_group as string)
{%- endmacro %}

{% macro resource_record_ref(row) -%}
{{ row }}.source_system || '|Patient|' || {{ row }}.resource_id
{%- endmacro %}

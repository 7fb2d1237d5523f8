{#- The rows of a flat FHIR table that belong to the winning version of their resource. -#}
{% macro current_version(flat, current, resource_type) -%}
(
    select flat.*
    from {{ flat }} as flat
    inner join {{ current }} as winner
        on winner.source = flat.source
        and winner.received = flat.received
        and winner.line = flat.line
        and winner.resource_type = '{{ resource_type }}'
)
{%- endmacro %}

{#- The envelope that every row carries on; `alias` is a flat FHIR row. -#}
{% macro fhir_envelope(alias) -%}
{{ alias }}.source as source_system,
    {{ alias }}.file || '#' || cast({{ alias }}.line as varchar) as source_ref,
    {{ alias }}.last_updated as recorded_at,
    {{ alias }}.id as resource_id
{%- endmacro %}

{#- Text by which the versions of one resource sort: instant, numeric version, then place. -#}
{% macro fhir_version_order(alias) -%}
{{ time_text(alias ~ '.last_updated') }}
    || lpad(coalesce(cast({{ try_cast_to(alias ~ '.version_id', 'bigint') }} as varchar), ''), 12, '0')
    || lpad(cast({{ alias }}.received as varchar), 12, '0')
    || lpad(cast({{ alias }}.line as varchar), 12, '0')
{%- endmacro %}

{#- Text by which statements about one thing sort; the same whatever order they were loaded in. -#}
{% macro fhir_order(alias) -%}
{{ time_text(alias ~ '.last_updated') }}
    || lpad(coalesce(cast({{ try_cast_to(alias ~ '.version_id', 'bigint') }} as varchar), ''), 12, '0')
    || {{ alias }}.content_sha256
{%- endmacro %}

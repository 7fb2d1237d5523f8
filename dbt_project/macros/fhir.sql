{#- The rows of a flat FHIR table that belong to the winning version of their resource; `version` is
    `stg_fhir__version`. -#}
{% macro current_version(flat, version, resource_type) -%}
(
    select
        flat.*,
        winner.stated_at,
        winner.is_stamped,
        winner.statement_order
    from {{ flat }} as flat
    inner join {{ version }} as winner
        on {{ same_version('winner', 'flat', resource_type) }}
        and winner.is_current
)
{%- endmacro %}

{#- Whether a row of `stg_fhir__version` or `stg_fhir__reference` is about the version that a flat row
    came from. A Bundle can hold several resources, so file and line are not enough. -#}
{% macro same_version(version, row, resource_type) -%}
{{ version }}.source = {{ row }}.source
        and {{ version }}.received = {{ row }}.received
        and {{ version }}.line = {{ row }}.line
        and {{ version }}.id = {{ row }}.id
        and {{ version }}.resource_type = '{{ resource_type }}'
{%- endmacro %}

{#- Whether two flat rows came from the same resource of the same stored record. -#}
{% macro same_row(left, right) -%}
{{ left }}.source = {{ right }}.source
        and {{ left }}.received = {{ right }}.received
        and {{ left }}.line = {{ right }}.line
        and {{ left }}.id = {{ right }}.id
{%- endmacro %}

{#- The id that a reference of a flat row names by identifier (conditional, logical) or urn, as the
    views cannot; `references` is `stg_fhir__reference`. -#}
{% macro named_id(references, row, resource_type, element, target_type) -%}
(
        select min(named.target_id)
        from {{ references }} as named
        where
            {{ same_version('named', row, resource_type) }}
            and named.element = '{{ element }}'
            and named.target_type = '{{ target_type }}'
    )
{%- endmacro %}

{#- The origin that every row carries on; `alias` is a flat FHIR row, `version` its row of
    `stg_fhir__version` (current_version carries that in). -#}
{% macro fhir_origin(alias, version=none) -%}
{{ alias }}.source as source_system,
    {{ alias }}.file || '#' || cast({{ alias }}.line as string) as source_ref,
    {{ version or alias }}.stated_at as recorded_at,
    {{ alias }}.id as resource_id
{%- endmacro %}

{#- The statement order of a version (macro statement_order); `version` is a row of `stg_fhir__version` or
    of current_version. Versions of one resource sort by it as fhir_version ranks them. -#}
{% macro fhir_order(version) -%}
{{ version }}.statement_order
{%- endmacro %}

{#- The columns that identify a stored version, for `chosen_coding`. -#}
{% macro version_keys() -%}
source, received, line, id
{%- endmacro %}

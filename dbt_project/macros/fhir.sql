{#- The rows of a flat FHIR table that belong to the winning version of their resource; `version` is
    `stg_fhir__version`. -#}
{% macro current_version(flat, version, resource_type) -%}
(
    select flat.*
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

{#- The identifiers of a resource that have a value, with the authority that assigns them (that of a
    system that the seed lists, else the system, else the source) and, of a listed system, the type of
    its identifiers (`system_type`); `systems` is the seed identifier_system. -#}
{% macro assigned_identifiers(identifiers, systems) -%}
(
        select
            i.*,
            coalesce(s.authority, i.system, i.source) as authority,
            s.identifier_type as system_type
        from {{ identifiers }} as i
        left join {{ systems }} as s on s.system = i.system
        where i.value is not null
    )
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

{#- The origin that every row carries on; `alias` is a flat FHIR row. -#}
{% macro fhir_origin(alias) -%}
{{ alias }}.source as source_system,
    {{ alias }}.file || '#' || cast({{ alias }}.line as string) as source_ref,
    {{ alias }}.last_updated as recorded_at,
    {{ alias }}.id as resource_id
{%- endmacro %}

{#- Text by which the versions of one resource sort, the winning one last; `version` is a row of
    `stg_fhir__version`. -#}
{% macro fhir_version_order(version) -%}
lpad(cast(1000000000 - {{ version }}.version_rank as string), 10, '0')
{%- endmacro %}

{#- Text by which statements about one thing sort; the same whatever order they were loaded in. -#}
{% macro fhir_order(alias) -%}
{{ time_text(alias ~ '.last_updated') }}
    || lpad(coalesce(cast(try_cast({{ alias }}.version_id as bigint) as string), ''), 12, '0')
    || {{ alias }}.content_sha256
{%- endmacro %}

{#- Columns that a part of a union has nothing to state in, as typed NULLs. The type follows from the
    name (docs/naming.md). -#}
{% macro null_columns(names) -%}
{%- for name in names -%}
{%- if name.endswith('_at') -%}{% set type = instant_type() %}
{%- elif name.endswith('_minutes') -%}{% set type = 'bigint' %}
{%- else -%}{% set type = 'string' %}
{%- endif -%}
cast(null as {{ type }}) as {{ name }}
{%- if not loop.last %},
    {% endif %}
{%- endfor -%}
{%- endmacro %}

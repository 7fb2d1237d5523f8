{#- A date some whole days later, earlier when `days` is negative; NULL stays NULL. -#}
{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch('add_days', 'lakeward')(day, days)) }}
{%- endmacro %}

{% macro duckdb__add_days(day, days) -%}
    (cast({{ day }} as date) + ({{ days }}))
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add(cast({{ day }} as date), {{ days }})
{%- endmacro %}

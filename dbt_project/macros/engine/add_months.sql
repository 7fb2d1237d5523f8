{#- The day a number of months later, in a shorter month its last one; NULL stays NULL. -#}
{% macro add_months(day, months) -%}
    {{ return(adapter.dispatch('add_months', 'lakeward')(day, months)) }}
{%- endmacro %}

{% macro duckdb__add_months(day, months) -%}
    cast(cast({{ day }} as date) + to_months({{ months }}) as date)
{%- endmacro %}

{% macro spark__add_months(day, months) -%}
    add_months({{ day }}, {{ months }})
{%- endmacro %}

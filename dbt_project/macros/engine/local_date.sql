{#- The calendar day of an instant in the facility's zone; NULL stays NULL. -#}
{% macro local_date(instant) -%}
    {{ return(adapter.dispatch('local_date', 'lakeward')(instant)) }}
{%- endmacro %}

{% macro duckdb__local_date(instant) -%}
    cast(timezone('{{ var("time_zone") }}', {{ instant }}) as date)
{%- endmacro %}

{% macro spark__local_date(instant) -%}
    to_date(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}'))
{%- endmacro %}

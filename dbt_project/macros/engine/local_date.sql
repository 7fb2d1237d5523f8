{#- The calendar day of an instant in a zone (default the home's); NULL stays NULL. -#}
{% macro local_date(instant, zone=none) -%}
    {%- set zone = zone or "'" ~ var('time_zone') ~ "'" -%}
    {{ return(adapter.dispatch('local_date', 'lakeward')(instant, zone)) }}
{%- endmacro %}

{% macro duckdb__local_date(instant, zone) -%}
    cast(timezone({{ zone }}, {{ instant }}) as date)
{%- endmacro %}

{% macro spark__local_date(instant, zone) -%}
    to_date(from_utc_timestamp({{ instant }}, {{ zone }}))
{%- endmacro %}

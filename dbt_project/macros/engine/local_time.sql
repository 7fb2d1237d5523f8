{#- The time of day of an instant in a zone (default the home's), as text: 09:30; NULL stays NULL. -#}
{% macro local_time(instant, zone=none) -%}
    {%- set zone = zone or "'" ~ var('time_zone') ~ "'" -%}
    {{ return(adapter.dispatch('local_time', 'lakeward')(instant, zone)) }}
{%- endmacro %}

{% macro duckdb__local_time(instant, zone) -%}
    strftime(timezone({{ zone }}, {{ instant }}), '%H:%M')
{%- endmacro %}

{% macro spark__local_time(instant, zone) -%}
    date_format(from_utc_timestamp({{ instant }}, {{ zone }}), 'HH:mm')
{%- endmacro %}

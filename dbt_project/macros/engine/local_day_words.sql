{#- The calendar day of an instant in a zone (default the home's), for people: 5 Jan; NULL stays NULL. -#}
{% macro local_day_words(instant, zone=none) -%}
    {%- set zone = zone or "'" ~ var('time_zone') ~ "'" -%}
    {{ return(adapter.dispatch('local_day_words', 'lakeward')(instant, zone)) }}
{%- endmacro %}

{% macro duckdb__local_day_words(instant, zone) -%}
    strftime(timezone({{ zone }}, {{ instant }}), '%-d %b')
{%- endmacro %}

{% macro spark__local_day_words(instant, zone) -%}
    date_format(from_utc_timestamp({{ instant }}, {{ zone }}), 'd MMM')
{%- endmacro %}

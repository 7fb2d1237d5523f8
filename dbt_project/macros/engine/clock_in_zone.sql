{#- What a clock in a zone, given as SQL, shows at an instant: a timestamp without zone; NULL stays NULL. -#}
{% macro clock_in_zone(instant, zone) -%}
    {{ return(adapter.dispatch('clock_in_zone', 'lakeward')(instant, zone)) }}
{%- endmacro %}

{% macro duckdb__clock_in_zone(instant, zone) -%}
    timezone({{ zone }}, {{ instant }})
{%- endmacro %}

{% macro spark__clock_in_zone(instant, zone) -%}
    from_utc_timestamp({{ instant }}, {{ zone }})
{%- endmacro %}

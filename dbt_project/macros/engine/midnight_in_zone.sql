{#- The first instant of a calendar day in a zone, given as SQL; NULL stays NULL. -#}
{% macro midnight_in_zone(day, zone) -%}
    {{ return(adapter.dispatch('midnight_in_zone', 'lakeward')(day, zone)) }}
{%- endmacro %}

{% macro duckdb__midnight_in_zone(day, zone) -%}
    timezone({{ zone }}, cast({{ day }} as timestamp))
{%- endmacro %}

{% macro spark__midnight_in_zone(day, zone) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), {{ zone }})
{%- endmacro %}

{#- An instant moved by a number of minutes; NULL when either is NULL. -#}
{% macro plus_minutes(instant, minutes) -%}
    {{ return(adapter.dispatch('plus_minutes', 'lakeward')(instant, minutes)) }}
{%- endmacro %}

{% macro duckdb__plus_minutes(instant, minutes) -%}
    ({{ instant }} + to_minutes(cast({{ minutes }} as bigint)))
{%- endmacro %}

{% macro spark__plus_minutes(instant, minutes) -%}
    timestampadd(minute, cast({{ minutes }} as int), {{ instant }})
{%- endmacro %}

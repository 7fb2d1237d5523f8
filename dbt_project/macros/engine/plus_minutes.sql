{#- An instant moved by a number of minutes. -#}
{% macro plus_minutes(instant, minutes) -%}
    {{ return(adapter.dispatch('plus_minutes', 'lakeward')(instant, minutes)) }}
{%- endmacro %}

{% macro default__plus_minutes(instant, minutes) -%}
    ({{ instant }} + to_minutes(cast({{ minutes }} as bigint)))
{%- endmacro %}

{% macro spark__plus_minutes(instant, minutes) -%}
    timestampadd(minute, cast({{ minutes }} as int), {{ instant }})
{%- endmacro %}

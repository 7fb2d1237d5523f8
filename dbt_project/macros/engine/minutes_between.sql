{#- Whole minutes from one instant to another, rounded down. -#}
{% macro minutes_between(start_at, end_at) -%}
    {{ return(adapter.dispatch('minutes_between', 'lakeward')(start_at, end_at)) }}
{%- endmacro %}

{% macro default__minutes_between(start_at, end_at) -%}
    cast(floor((epoch_us({{ end_at }}) - epoch_us({{ start_at }})) / 60000000.0) as bigint)
{%- endmacro %}

{% macro spark__minutes_between(start_at, end_at) -%}
    cast(floor((unix_micros({{ end_at }}) - unix_micros({{ start_at }})) / 60000000.0) as bigint)
{%- endmacro %}

{#- Whole minutes from one instant to another, rounded down; NULL when either is NULL. -#}
{% macro minutes_between(start_at, end_at) -%}
    {{ return(adapter.dispatch('minutes_between', 'lakeward')(start_at, end_at)) }}
{%- endmacro %}

{% macro duckdb__minutes_between(start_at, end_at) -%}
    cast(
        floor((epoch_us({{ end_at }}) - epoch_us({{ start_at }})) / cast(60000000 as double)) as bigint
    )
{%- endmacro %}

{% macro spark__minutes_between(start_at, end_at) -%}
    cast(
        floor((unix_micros({{ end_at }}) - unix_micros({{ start_at }})) / cast(60000000 as double)) as bigint
    )
{%- endmacro %}

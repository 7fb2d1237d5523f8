{#- The interpolated percentile (0 to 1) of a group as a whole number, rounded down, NULL left out. -#}
{% macro percentile(value, share) -%}
    {{ return(adapter.dispatch('percentile', 'lakeward')(value, share)) }}
{%- endmacro %}

{% macro duckdb__percentile(value, share) -%}
    cast(floor(quantile_cont({{ value }}, {{ share }})) as bigint)
{%- endmacro %}

{% macro spark__percentile(value, share) -%}
    cast(floor(percentile({{ value }}, {{ share }})) as bigint)
{%- endmacro %}

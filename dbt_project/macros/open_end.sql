{#- The end of a period, from a column; none for the year 9999, which systems write for "never". -#}
{% macro open_end(at) -%}
case when {{ at }} < cast('9999-01-01 00:00:00+00' as {{ instant_type() }}) then {{ at }} end
{%- endmacro %}

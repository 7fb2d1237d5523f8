{#- The cut-off instant of the run; rules never read the wall clock. -#}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as {{ instant_type() }})
{%- endmacro %}

{#- The cut-off instant of the run; rules never read the wall clock. -#}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as {{ instant_type() }})
{%- endmacro %}

{#- Up to when the sources of a table are known: the cut-off only where all of them reach it. -#}
{% macro data_as_of(table) -%}
    {%- set known = var("data_as_of") -%}
    {#- a linter reads this with a text for every variable -#}
    {%- set at = known[table] if known is mapping and table in known else var("as_of") -%}
    cast('{{ at }}' as {{ instant_type() }})
{%- endmacro %}

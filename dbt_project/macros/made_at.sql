{#- The instant at which the lists of the run are made, as the run was given it. -#}
{% macro made_at() -%}
    cast('{{ var("made_at") }}' as {{ instant_type() }})
{%- endmacro %}

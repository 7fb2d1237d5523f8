{#- Folds an array of structs: `step` makes the next struct of `before` and `item`, which have the same
    fields. -#}
{% macro fold_array(items, initial, step) -%}
    {{ return(adapter.dispatch('fold_array', 'lakeward')(items, initial, step)) }}
{%- endmacro %}

{% macro duckdb__fold_array(items, initial, step) -%}
    list_reduce({{ items }}, lambda before, item: {{ step }}, {{ initial }})
{%- endmacro %}

{% macro spark__fold_array(items, initial, step) -%}
    aggregate({{ items }}, {{ initial }}, (before, item) -> {{ step }})
{%- endmacro %}

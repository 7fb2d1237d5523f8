{#- The codings of a flat table that holds those of one element, in the shape that chosen_coding reads. -#}
{% macro codings_of(relation, element) -%}
(
        select
            *,
            '{{ element }}' as element,
            0 as coding_ordinal
        from {{ relation }}
    )
{%- endmacro %}

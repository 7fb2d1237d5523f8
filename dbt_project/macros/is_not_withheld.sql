{#- Whether a stored record (`row` has source, file and its place) is one that the store may read: a record
    that breaks a contract is withheld, so that it does not hold the worklists of all. -#}
{% macro is_not_withheld(row, place) -%}
not exists (
        select 1
        from {{ source('lake', 'withheld_record') }} as withheld
        where
            withheld.source = {{ row }}.source
            and withheld.source_ref = {{ row }}.file || '#' || cast({{ row }}.{{ place }} as string)
    )
{%- endmacro %}

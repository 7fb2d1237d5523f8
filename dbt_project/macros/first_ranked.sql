{#- The first row of each group in an order: by default the statement of the best source (`source_rank`),
    its latest one. The order has to be total, or two builds of the same rows could differ. -#}
{% macro first_ranked(relation, key, order='source_rank, statement_order desc, source_ref desc') -%}
(
    select *
    from (
        select
            *,
            row_number() over (partition by {{ key }} order by {{ order }}) as row_rank
        from {{ relation }}
    )
    where row_rank = 1
)
{%- endmacro %}

{#- The rank of each feed for some column groups of an object, one column a group: 1 decides. -#}
{% macro authority_ranks(authority, object, elements) -%}
(
    select
        feed
        {%- for element in elements %},
        cast(min(case when element = '{{ element }}' then rank end) as integer) as {{ element }}_rank
        {%- endfor %}
    from {{ authority }}
    where object = '{{ object }}'
    group by feed
)
{%- endmacro %}

{#- The value of the best-ranked feed that states one. `""` clears, an empty text states nothing. -#}
{% macro decided(value, rank) -%}
nullif({{ earliest_by("nullif(" ~ value ~ ", '')", rank) }}, '""')
{%- endmacro %}

{#- The instant of the best-ranked feed that states one; the instant for "cleared" clears. -#}
{% macro decided_at(value, rank) -%}
nullif({{ earliest_by(value, rank) }}, {{ cleared_at() }})
{%- endmacro %}

{#- The value stated last by any feed; the better-ranked feed of two that state at the same instant. -#}
{% macro decided_by_recency(value, statement_order, rank) -%}
{%- set recency = "substr(" ~ statement_order ~ ", 1, 18) || cast(9 - " ~ rank ~ " as string)" -%}
nullif({{ latest_by("nullif(" ~ value ~ ", '')", recency) }}, '""')
{%- endmacro %}

{#- Of several codings of one element the one to use, with what its code map makes of it (`to_code`,
    `unmapped` for a code that the map does not know; without a map, the code itself).

    One row per `keys`, a list of columns. A coding that the map knows comes before one that it does not:
    first by a row for the source itself, then by the rank of its system (seed coding_rank), then by the rank
    of what it means. What is still equal is decided by what a user selected, and by the place among the
    repetitions.
    `codings` has the columns source, element, ordinal, coding_ordinal, code, code_system, display and
    is_user_selected. -#}
{% macro chosen_coding(codings, elements, keys, code_map, ranks, code_map_name) -%}
(
        select *
        from (
            select
                known.*,
                row_number() over (
                    partition by {{ keys }}
                    order by knowledge, system_rank, meaning_rank, user_rank, ordinal, coding_ordinal
                ) as choice
            from {{ known_codings(codings, elements, code_map, ranks, code_map_name) }} as known
        ) as chosen
        where choice = 1
    )
{%- endmacro %}

{#- All codings of some elements, with what their code map makes of them and the ranks by which
    `chosen_coding` chooses. -#}
{% macro known_codings(codings, elements, code_map, ranks, code_map_name) -%}
(
            select
                c.*,
                {% if code_map -%}
                {{ mapped('map', 'c.code') }} as to_code,
                case
                    when map_own.to_code is not null then 0 when map_any.to_code is not null then 1 else 2
                end as knowledge,
                {%- else -%}
                c.code as to_code,
                2 as knowledge,
                {%- endif %}
                cast(
                    coalesce(system_own.rank, system_any.rank, unknown_system.rank) as integer
                ) as system_rank,
                cast(coalesce(meaning.rank, '9') as integer) as meaning_rank,
                case when c.is_user_selected then 0 else 1 end as user_rank
            from {{ codings }} as c
            {% if code_map -%}
            {{ join_code_map(code_map, 'map', 'c.source', 'c.code') }}
            {%- endif %}
            left join {{ ranks }} as system_own
                on system_own.code_map = '{{ code_map_name }}'
                and system_own.attribute = 'system'
                and system_own.value = coalesce(c.code_system, 'none')
            left join {{ ranks }} as system_any
                on system_any.code_map = '*'
                and system_any.attribute = 'system'
                and system_any.value = coalesce(c.code_system, 'none')
            left join {{ ranks }} as unknown_system
                on unknown_system.code_map = '*'
                and unknown_system.attribute = 'system'
                and unknown_system.value = '*'
            left join {{ ranks }} as meaning
                on meaning.code_map = '{{ code_map_name }}'
                and meaning.attribute = 'meaning'
                and meaning.value
                = {% if code_map %}coalesce(map_own.to_code, map_any.to_code){% else %}c.code{% endif %}
            where
                c.code is not null
                and c.element in ({% for e in elements %}'{{ e }}'{{ ', ' if not loop.last }}{% endfor %})
        )
{%- endmacro %}

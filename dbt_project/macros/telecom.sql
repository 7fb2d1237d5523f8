{#- The telecoms of a flat FHIR table with what their system and use mean. A prefix `mailto:` or `tel:` says
    more than the system, and goes. -#}
{% macro stated_telecoms(telecoms, systems, uses) -%}
(
        select
            t.*,
            {{ part_of('trim(t.value)', '^(?:(?:mailto|MAILTO|Mailto|tel|TEL|Tel|sms|SMS):)?[ ]*(.*)$', 1) }}
                as stated,
            case
                when lower(t.value) like 'mailto:%' then 'email'
                when lower(t.value) like 'tel:%' and t.system is null then 'phone'
                else coalesce({{ mapped('system', 't.system') }}, 'unknown')
            end as telecom_system,
            coalesce({{ mapped('use', 't.use') }}, 'none') as telecom_use,
            {{ calling_code_of('t.source') }} as calling_code,
            {{ period_holds('t') }} as is_current,
            t.rank as preference,
            t.ordinal as place
        from {{ telecoms }} as t
        {{ join_code_map(systems, 'system', 't.source', 't.system') }}
        {{ join_code_map(uses, 'use', 't.source', 't.use') }}
        where nullif(trim(t.value), '') is not null
    )
{%- endmacro %}

{#- The telecoms of an object with the contact that they serve as (seed telecom_choice), and their choice
    among those that serve as the same: what can be reached before what cannot, then by the preference that
    is stated, then by rank of system and use, then by place. What is not listed, old or not current is
    never chosen. `telecoms` has the columns stated, telecom_system, telecom_use, calling_code, is_current,
    preference and place. -#}
{% macro ranked_telecoms(
    object, choices, telecoms, keys = ['source', 'received', 'line', 'id'], preference = 'preference'
) -%}
with numbers as (
    select * from {{ with_numbers(telecoms) }} as n
),

served as (
    select
        n.*,
        c.contact,
        c.rank as choice_rank,
        case
            when n.telecom_system = 'email'
                then {{ matches('n.stated', '[^@ ,;<>]+@[^@ ,;<>]+[.][^@ ,;<>.]+') }}
            else n.e164 is not null
        end as is_reachable
    from numbers as n
    left join {{ choices }} as c
        on c.object = '{{ object }}'
        and c.system = n.telecom_system
        and c.use = n.telecom_use
        and n.is_current
)

select
    {% for key in keys %}
    {{ key }},
    {% endfor %}
    place,
    telecom_system,
    telecom_use,
    contact,
    case when telecom_system = 'email' then stated else coalesce(e164, stated) end as value,
    is_reachable,
    case when contact is not null then
        row_number() over (
            partition by {{ keys | join(', ') }}, contact
            order by
                case when is_reachable then 0 else 1 end,
                {{ preference }} asc nulls last,
                cast(choice_rank as integer),
                place
        )
    end as choice
from served
{%- endmacro %}

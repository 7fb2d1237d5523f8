{#- Choosing among repetitions: of several names, addresses, contacts or codings the one that holds now and
    has the best rank of a seed; the place among the repetitions decides only between equals. -#}

{#- Whether a time that was stated as text (a year, a month, a day or an instant) lies behind the cut-off.
    A day, month or year is over when it has ended; `at` is the instant, where the text has one. -#}
{% macro is_over(text, at) -%}
{%- set stated_day = "substr(" ~ digits("substr(" ~ text ~ ", 1, 10)") ~ ", 1, 8)" -%}
coalesce(
        case
            when length({{ text }}) > 10 and {{ at }} is not null then {{ at }} < {{ as_of() }}
            when length({{ stated_day }}) = 8 then {{ stated_day }} <= '{{ var("day") | replace("-", "") }}'
            when length({{ stated_day }}) >= 4
                then {{ stated_day }}
                    < substr('{{ var("day") | replace("-", "") }}', 1, length({{ stated_day }}))
        end,
        false
    )
{%- endmacro %}

{#- Whether a time that was stated as text lies ahead of the cut-off. -#}
{% macro is_ahead(text, at) -%}
{%- set stated_day = "substr(" ~ digits("substr(" ~ text ~ ", 1, 10)") ~ ", 1, 8)" -%}
coalesce(
        case
            when length({{ text }}) > 10 and {{ at }} is not null then {{ at }} > {{ as_of() }}
            when length({{ stated_day }}) >= 4
                then {{ stated_day }}
                    > substr('{{ var("day") | replace("-", "") }}', 1, length({{ stated_day }}))
        end,
        false
    )
{%- endmacro %}

{#- Whether the period of a flat FHIR row holds at the cut-off. In brackets: behind a `not` without them, a
    permit of next year was one of today. -#}
{% macro period_holds(alias) -%}
(
        not {{ is_over(alias ~ '.period_end_text', alias ~ '.period_end_at') }}
        and not {{ is_ahead(alias ~ '.period_start_text', alias ~ '.period_start_at') }}
    )
{%- endmacro %}

{#- Whether the period of a flat FHIR row has ended, by its typed end alone. -#}
{% macro period_over(alias) -%}
coalesce({{ alias }}.period_end_at < {{ as_of() }}, false)
{%- endmacro %}

{#- Whether a repetition of an HL7 v2 field holds at the cut-off, by its first and last day. -#}
{% macro days_hold(alias) -%}
{%- set no_instant = 'cast(null as ' ~ instant_type() ~ ')' -%}
(
        not {{ is_over(alias ~ '.expiration_date_text', no_instant) }}
        and not {{ is_ahead(alias ~ '.effective_date_text', no_instant) }}
    )
{%- endmacro %}

{#- Join the seed repetition_rank twice: the row of a code, and the row for codes that it does not know. -#}
{% macro join_repetition_rank(ranks, alias, object, element, standard, code) -%}
left join {{ ranks }} as {{ alias }}_of
    on {{ alias }}_of.object = '{{ object }}'
    and {{ alias }}_of.element = '{{ element }}'
    and {{ alias }}_of.standard = '{{ standard }}'
    and {{ alias }}_of.code = coalesce({{ code }}, 'none')
left join {{ ranks }} as {{ alias }}_any
    on {{ alias }}_any.object = '{{ object }}'
    and {{ alias }}_any.element = '{{ element }}'
    and {{ alias }}_any.standard = '{{ standard }}'
    and {{ alias }}_any.code = '*'
{%- endmacro %}

{#- What a joined rank says: a number, 1 the best; NULL for a repetition that is never chosen. -#}
{% macro ranked(alias) -%}
try_cast(coalesce({{ alias }}_of.rank, {{ alias }}_any.rank) as integer)
{%- endmacro %}

{#- Whether a repetition may be chosen: its rank is not `never`, and its period holds. -#}
{% macro is_chosen(rank, alias) -%}
{{ ranked(rank) }} is not null and {{ period_holds(alias) }}
{%- endmacro %}

{#- Whether an element of a resource has a value that modifies what the resource means (seed modifier):
    elements are [[name, column], …]. -#}
{% macro has_modifier(modifiers, resource_type, effect, elements) -%}
exists (
        select 1
        from {{ modifiers }} as modifier
        where
            modifier.resource_type = '{{ resource_type }}'
            and modifier.effect = '{{ effect }}'
            and (
                {%- for name, column in elements %}
                {{ "or " if not loop.first }}(
                    modifier.element = '{{ name }}' and modifier.value = lower(cast({{ column }} as string))
                )
                {%- endfor %}
            )
    )
{%- endmacro %}

{#- Whether two texts of words between commas have a word in common that is the whole of the first; false for
    none. -#}
{% macro names_one_of(word, words) -%}
coalesce(',' || {{ words }} || ',' like '%,' || {{ word }} || ',%', false)
{%- endmacro %}

{#- The origin that every row carries on; `alias` is a row of stg_hl7v2__message. -#}
{% macro hl7_origin(alias) -%}
{{ alias }}.source_system,
    {{ alias }}.source_ref,
    {{ alias }}.received,
    {{ alias }}.message,
    {{ alias }}.message_type,
    {{ alias }}.trigger_event,
    {{ alias }}.control_id,
    {{ alias }}.content_sha256,
    {{ alias }}.feed
{%- endmacro %}

{#- The segments that come first in their message, by an order of their columns. -#}
{% macro first_in_message(segments, order = 'segment') -%}
(
        select *
        from (
            select
                *,
                row_number() over (
                    partition by source, received, message order by {{ order }}
                ) as segment_rank
            from {{ segments }}
        ) as ranked
        where segment_rank = 1
    )
{%- endmacro %}

{#- The segments that come first in their patient group. -#}
{% macro first_in_group(segments) -%}
(
        select *
        from (
            select
                *,
                row_number() over (
                    partition by source, received, message, patient_group order by segment
                ) as segment_rank
            from {{ segments }}
        ) as ranked
        where segment_rank = 1
    )
{%- endmacro %}

{#- Whether two segments are of one message. -#}
{% macro in_same_message(left, right) -%}
{{ right }}.source = {{ left }}.source
    and {{ right }}.received = {{ left }}.received
    and {{ right }}.message = {{ left }}.message
{%- endmacro %}

{#- Whether a segment (right) is of the same message as a row of staging (left). -#}
{% macro same_message(left, right) -%}
{{ right }}.source = {{ left }}.source_system
    and {{ right }}.received = {{ left }}.received
    and {{ right }}.message = {{ left }}.message
{%- endmacro %}

{#- The statement order of a message (macro statement_order); `alias` is a row of stg_hl7v2__message. -#}
{% macro hl7_order(stated_at, alias) -%}
{{ statement_order(stated_at, alias ~ '.place') }}
{%- endmacro %}

{#- A text that holds something: not absent and not the `""` that clears. -#}
{% macro held(value) -%}
nullif({{ value }}, '""')
{%- endmacro %}

{#- An instant, or `cleared_at()` where the field says `""`. -#}
{% macro at_or_cleared(name) -%}
case when {{ name }}_text = '""' then {{ cleared_at() }} else {{ name }}_at end
{%- endmacro %}

{#- An instant that was stated with its precision, placed (macro placed_at) by when that was recorded. -#}
{% macro sharpened_at(name, finer, zone) -%}
{{ placed_at(name ~ '_at', name ~ '_precision', finer, zone) }}
{%- endmacro %}

{#- An instant that no source can mean: it means "cleared" until attributes are folded. -#}
{% macro cleared_at() -%}
cast('0001-01-01 00:00:00+00' as {{ instant_type() }})
{%- endmacro %}

{#- The authority that a number states for itself, by any of its names; `name` is the field with the alias of
    its table, which has to be joined (join_stated_authority). One that states none is not the sender's
    before int__identifier_authority has looked for another. -#}
{% macro stated_authority(name) -%}
{{ authority_of(
        name | replace('.', '_'), name ~ '_authority', name ~ '_authority_universal_id'
    ) }}
{%- endmacro %}

{% macro join_stated_authority(authorities, name) -%}
{{ join_authority(
    authorities, name | replace('.', '_'), name ~ '_authority', name ~ '_authority_universal_id'
) }}
{%- endmacro %}

{#- The code of a location as the location master writes it: unit, room and bed joined by dashes. -#}
{% macro location_code(name) -%}
nullif(
        concat_ws('-', {{ held(name ~ '_unit') }}, {{ held(name ~ '_room') }}, {{ held(name ~ '_bed') }}), ''
    )
{%- endmacro %}

{#- The facility of a location: its own, else that which the interface means (stg_hl7v2__bare_location), else
    the sender. `sender` is a column of a row of staging. -#}
{% macro location_facility(name, sender) -%}
coalesce(
        {{ held(name ~ '_facility') }},
        (
            select min(bare.facility)
            from {{ ref('stg_hl7v2__bare_location') }} as bare
            where
                bare.source_system = {{ sender | replace('.sender', '.source_system') }}
                and bare.sender = {{ sender }}
                and bare.unit = {{ name }}_unit
        ),
        {{ sender }}
    )
{%- endmacro %}

{#- Whether an identifier is a national provider identifier (NPI): ten digits, the last of which checks the
    others (Luhn: every second one doubled;
    the prefix 80840 adds 24). Local numbers of ten digits hardly ever do. -#}
{% macro is_npi(id) -%}
(
        length({{ id }}) = 10
        and length({{ digits(id) }}) = 10
        and substr({{ id }}, 1, 1) in ('1', '2')
        and (
            24
            {%- for place in [1, 3, 5, 7, 9] %}
            + try_cast(
                substr('0246813579', 1 + try_cast(substr({{ id }}, {{ place }}, 1) as integer), 1) as integer
            )
            {%- endfor %}
            {%- for place in [2, 4, 6, 8, 10] %}
            + try_cast(substr({{ id }}, {{ place }}, 1) as integer)
            {%- endfor %}
        ) % 10 = 0
    )
{%- endmacro %}

{#- The key of a practitioner named in a message. -#}
{% macro person_key(name, sender) -%}
case when {{ held(name ~ '_id') }} is not null then
    {{ key('practitioner', [
        "case when " ~ is_npi(name ~ '_id') ~ " then 'NPI' else coalesce("
            ~ held(name ~ '_authority') ~ ", " ~ sender ~ ") end",
        name ~ '_id',
    ]) }}
end
{%- endmacro %}

{#- Minutes from a duration and its unit (table ISO+): seconds, minutes (default), hours or days. None
    when below zero or more than a year: such a number is no duration, and must not stop the night. -#}
{% macro duration_in_minutes(value, units) -%}
{%- set minutes -%}
try_cast({{ held(value) }} as double) * case lower(left(coalesce({{ held(units) }}, 'm'), 1))
        when 's' then cast(1 as double) / 60 when 'h' then 60 when 'd' then 1440 else 1
    end
{%- endset -%}
case when {{ minutes }} between 0 and 527040 then cast({{ minutes }} as bigint) end
{%- endmacro %}

{#- A part of a field that repeats: where any part of the field is sent, a part left out is cleared. -#}
{% macro replaced(part, parts) -%}
coalesce({{ part }}, case when coalesce({{ parts | join(', ') }}) is not null then '""' end)
{%- endmacro %}

{#- The columns that identify a segment, for `chosen_coding`. -#}
{% macro segment_keys() -%}
source, received, message, segment
{%- endmacro %}

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

{#- Text by which statements about one thing sort; the same whatever order files were loaded in. -#}
{% macro hl7_order(recorded_at, alias) -%}
{{ time_text(recorded_at) }} || lpad(cast({{ alias }}.message as string), 9, '0')
    || {{ alias }}.content_sha256
{%- endmacro %}

{#- A text that holds something: not absent and not the `""` that clears. -#}
{% macro held(value) -%}
nullif({{ value }}, '""')
{%- endmacro %}

{#- An instant, or `cleared_at()` where the field says `""`. -#}
{% macro at_or_cleared(name) -%}
case when {{ name }}_text = '""' then {{ cleared_at() }} else {{ name }}_at end
{%- endmacro %}

{#- An instant, or a finer one that lies within the day when the text says no more than a day: the
    start of a day would put a move before the admission of the same day. -#}
{% macro sharpened_at(name, finer) -%}
case
    when
        {{ name }}_precision = 'day'
        and {{ finer }} >= {{ name }}_at
        and {{ finer }} < {{ plus_minutes(name ~ '_at', 1440) }}
        then {{ finer }}
    else {{ name }}_at
end
{%- endmacro %}

{#- An instant that no source can mean: it means "cleared" until attributes are folded. -#}
{% macro cleared_at() -%}
cast('0001-01-01 00:00:00+00' as {{ instant_type() }})
{%- endmacro %}

{#- The code of a location as the location master writes it: unit, room and bed joined by dashes. -#}
{% macro location_code(name) -%}
nullif(
        concat_ws('-', {{ held(name ~ '_unit') }}, {{ held(name ~ '_room') }}, {{ held(name ~ '_bed') }}), ''
    )
{%- endmacro %}

{#- The facility of a location: its own, else that of the sender. -#}
{% macro location_facility(name, sender) -%}
coalesce({{ held(name ~ '_facility') }}, {{ sender }})
{%- endmacro %}

{#- Whether an identifier looks like a national provider identifier (NPI): ten digits. -#}
{% macro is_npi(id) -%}
length({{ id }}) = 10 and try_cast({{ id }} as bigint) is not null
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

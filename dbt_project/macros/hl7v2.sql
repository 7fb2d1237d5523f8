{#- The envelope that every row carries on; `alias` is a row of stg_hl7v2__message. -#}
{% macro hl7_envelope(alias) -%}
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

{#- Join a segment of the same message. -#}
{% macro same_message(left, right) -%}
{{ right }}.source = {{ left }}.source_system
    and {{ right }}.received = {{ left }}.received
    and {{ right }}.message = {{ left }}.message
{%- endmacro %}

{#- Text by which statements about one thing sort; the same whatever order files were loaded in. -#}
{% macro hl7_order(recorded_at, alias) -%}
{{ time_text(recorded_at) }} || lpad(cast({{ alias }}.message as string), 9, '0') || {{ alias }}.content_sha256
{%- endmacro %}

{#- A text that holds something: not absent and not the `""` that clears. -#}
{% macro held(value) -%}
nullif({{ value }}, '""')
{%- endmacro %}

{#- An instant, or the one that stands for `""` (cleared). -#}
{% macro stated_at(name) -%}
case when {{ name }}_text = '""' then {{ cleared_at() }} else {{ name }}_at end
{%- endmacro %}

{#- An instant, or a finer one that lies within the day when the text says no more than a day: the
    start of a day would put a move before the admission of the same day. -#}
{% macro sharpened_at(name, finer) -%}
case
    when {{ name }}_precision = 'day' and {{ finer }} >= {{ name }}_at and {{ finer }} < {{ plus_minutes(name ~ '_at', 1440) }} then {{ finer }}
    else {{ name }}_at
end
{%- endmacro %}

{#- An instant that no source can mean: it stands for "cleared" until attributes are folded. -#}
{% macro cleared_at() -%}
cast('0001-01-01 00:00:00+00' as {{ instant_type() }})
{%- endmacro %}

{#- The code of a place as the location master writes it: unit, room and bed joined by dashes. -#}
{% macro place_code(name) -%}
nullif(concat_ws('-', {{ held(name ~ '_unit') }}, {{ held(name ~ '_room') }}, {{ held(name ~ '_bed') }}), '')
{%- endmacro %}

{#- The facility of a place: its own, else that of the sender. -#}
{% macro place_facility(name, sender) -%}
coalesce({{ held(name ~ '_facility') }}, {{ sender }})
{%- endmacro %}

{#- The key of a practitioner named in a message; ten digits are a national provider identifier. -#}
{% macro person_key(name, sender) -%}
case when {{ held(name ~ '_id') }} is not null then
    {{ key('practitioner', [
        "case when length(" ~ name ~ "_id) = 10 and " ~ try_cast_to(name ~ '_id', 'bigint') ~ " is not null then 'NPI'"
            ~ " else coalesce(" ~ held(name ~ '_authority') ~ ", " ~ sender ~ ") end",
        name ~ '_id',
    ]) }}
end
{%- endmacro %}

{#- Minutes from a duration and its unit (table ISO+): seconds, minutes (default), hours or days. None
    when below zero or more than a year: such a number is no duration, and must not stop the night. -#}
{% macro duration_in_minutes(value, units) -%}
{%- set minutes -%}
{{ try_cast_to(held(value), 'double') }} * case lower(left(coalesce({{ held(units) }}, 'm'), 1))
        when 's' then 1.0 / 60 when 'h' then 60 when 'd' then 1440 else 1
    end
{%- endset -%}
case when {{ minutes }} between 0 and 527040 then cast({{ minutes }} as bigint) end
{%- endmacro %}

{#- A part of a field that repeats: where any part of the field is sent, a part left out is cleared. -#}
{% macro replaced(part, parts) -%}
coalesce({{ part }}, case when coalesce({{ parts | join(', ') }}) is not null then '""' end)
{%- endmacro %}

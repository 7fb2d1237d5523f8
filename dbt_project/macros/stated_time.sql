{#- A time has a precision: docs/reference/meaning.md, "Times". It means all instants from its beginning up to
    `until_at`; a date is the local day of the zone in which the source lies. -#}

{#- The instant at which a time that was stated with a precision is over; itself when it is exact. -#}
{% macro until_at(at, precision, zone) -%}
{%- set months -%}
case {{ precision }} when 'year' then 12 when 'month' then 1 else 0 end
{%- endset -%}
{%- set days -%}
case {{ precision }} when 'day' then 1 else 0 end
{%- endset -%}
case
        when {{ precision }} in ('year', 'month', 'day')
            then {{ midnight_in_zone(add_days(add_months(date_in_zone(at, zone), months), days), zone) }}
        when {{ precision }} = 'hour' then {{ plus_minutes(at, 60) }}
        when {{ precision }} = 'minute' then {{ plus_minutes(at, 1) }}
        else {{ at }}
    end
{%- endmacro %}

{#- Where a time stands in an order: the latest instant that it may mean and that is not after it was
    recorded; its last minute stands for its end. One that says its minute is exact enough. -#}
{% macro placed_at(at, precision, recorded_at, zone) -%}
case
        when {{ precision }} in ('year', 'month', 'day', 'hour') and {{ at }} is not null
            then greatest(
                {{ at }},
                least({{ recorded_at }}, {{ plus_minutes('(' ~ until_at(at, precision, zone) ~ ')', -1) }})
            )
        else {{ at }}
    end
{%- endmacro %}

{#- The last instant that a time may mean, for the end of a period: its last minute stands for it. -#}
{% macro last_at(at, precision, zone) -%}
case
        when {{ precision }} in ('year', 'month', 'day', 'hour')
            then {{ plus_minutes('(' ~ until_at(at, precision, zone) ~ ')', -1) }}
        else {{ at }}
    end
{%- endmacro %}

{#- The text of a FHIR time in one spelling, for the macros below: upper case, `T` before the clock, and the
    leap second `:60` read as `:59`. Empty for what is no time of FHIR, whose years have four digits: engines
    also read `infinity`, years before Christ and the year 290000, which no table can hold. -#}
{% macro fhir_time_text(text) -%}
regexp_extract(
    replace(replace(upper(trim({{ text }})), ' ', 'T'), ':60', ':59'),
    '^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})(-[-0-9T:.Z+]*)?$', 0
)
{%- endmacro %}

{#- The offset that a FHIR time states, as text; empty when it states none. -#}
{% macro fhir_time_offset(text) -%}
regexp_extract({{ fhir_time_text(text) }}, 'T[0-9:.]+(Z|[+-][0-9:]+)$', 1)
{%- endmacro %}

{#- The precision of a FHIR time: year, month, day, minute or second. NULL for no text, and for a text that
    is no time. -#}
{% macro fhir_time_precision(text) -%}
{%- set clock = 'split_part(' ~ fhir_time_text(text) ~ ", 'T', 2)" -%}
case
        when {{ fhir_time_at(text, "'UTC'") }} is null then null
        else coalesce(
            {{ fhir_date_precision(text) }},
            case when length(regexp_extract({{ clock }}, '^([0-9:]+)', 1)) < 8 then 'minute' else 'second' end
        )
    end
{%- endmacro %}

{#- The precision of a FHIR time that is a date, by the length of its text; NULL for any other. -#}
{% macro fhir_date_precision(text) -%}
case length(trim({{ text }})) when 4 then 'year' when 7 then 'month' when 10 then 'day' end
{%- endmacro %}

{#- Where the zone of a FHIR time comes from, in the words of the HL7 v2 tables: `offset` that it states,
    `interface` (a date is a day where the source is). `assumed`: the zone of the source was taken for a time
    that should have stated an offset and does not; `assumed_gap`, `assumed_overlap`: for one that the clocks
    there skipped, or showed twice. NULL for no time. -#}
{% macro fhir_time_zone_source(text, zone) -%}
{%- set at = fhir_time_at(text, zone) -%}
{%- set local = fhir_local_time(text) -%}
case
        when {{ at }} is null then null
        when {{ fhir_time_offset(text) }} <> '' then 'offset'
        when length(trim({{ text }})) <= 10 then 'interface'
        when {{ clock_in_zone(at, zone) }} <> {{ local }} then 'assumed_gap'
        when {{ clock_in_zone(plus_minutes(at, 60), zone) }} = {{ local }} then 'assumed_overlap'
        else 'assumed'
    end
{%- endmacro %}

{#- The first and the last minute of the dates that a FHIR time may mean, where it is a date. -#}
{% macro fhir_date_from(text, zone) -%}
{{ midnight_in_zone(fhir_local_time(text), zone) }}
{%- endmacro %}

{% macro fhir_date_until(text, zone) -%}
{%- set months -%}
case length(trim({{ text }})) when 4 then 12 when 7 then 1 else 0 end
{%- endset -%}
{%- set days -%}
case length(trim({{ text }})) when 10 then 1 else 0 end
{%- endset -%}
{{ plus_minutes(midnight_in_zone(add_days(add_months(fhir_local_time(text), months), days), zone), -1) }}
{%- endmacro %}

{#- A FHIR time placed by its precision and by when it was recorded, as placed_at does. -#}
{% macro fhir_placed_at(text, recorded_at, zone) -%}
case
        when length(trim({{ text }})) in (4, 7, 10) and {{ fhir_local_time(text) }} is not null
            then greatest(
                {{ fhir_date_from(text, zone) }}, least({{ recorded_at }}, {{ fhir_date_until(text, zone) }})
            )
        else {{ fhir_time_at(text, zone) }}
    end
{%- endmacro %}

{#- The last instant that a FHIR time may mean. -#}
{% macro fhir_last_at(text, zone) -%}
case
        when length(trim({{ text }})) in (4, 7, 10) then {{ fhir_date_until(text, zone) }}
        else {{ fhir_time_at(text, zone) }}
    end
{%- endmacro %}

{#- Whether a precision is that of a calendar day or coarser: no hour may be printed of it. -#}
{% macro is_day_alone(precision) -%}
coalesce({{ precision }} in ('year', 'month', 'day'), false)
{%- endmacro %}

{#- What a FHIR time without an offset shows on the clock, its first instant for a date. -#}
{% macro fhir_local_time(text) -%}
{%- set stated = fhir_time_text(text) -%}
{{ local_timestamp_of(
    "case length(" ~ stated ~ ") when 4 then " ~ stated ~ " || '-01-01' when 7 then " ~ stated
    ~ " || '-01' else replace(" ~ stated ~ ", 'T', ' ') end"
) }}
{%- endmacro %}

{#- The first instant that a FHIR time may mean; one without an offset, and a date, in the source's zone. -#}
{% macro fhir_time_at(text, zone) -%}
case
        when {{ fhir_time_offset(text) }} <> '' then {{ instant_of(fhir_time_text(text)) }}
        else {{ instant_in_zone(fhir_local_time(text), zone) }}
    end
{%- endmacro %}

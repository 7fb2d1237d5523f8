{#- The key of an object of ours: uuid5 of its kind and the identifier that its source gave it.
    NULL when any part is NULL. -#}
{% macro key(kind, parts) -%}
    {{ uuid5("('" ~ kind ~ "|' || " ~ parts | join(" || '|' || ") ~ ")") }}
{%- endmacro %}

{#- The key of a visit that an appointment id names. -#}
{% macro appointment_visit_key(authority, id) -%}
    {{ key('visit', [authority, "'APPT'", id]) }}
{%- endmacro %}

{#- The key of a visit that only a visit number names. -#}
{% macro number_visit_key(authority, number) -%}
    {{ key('visit', [authority, "'VN'", number]) }}
{%- endmacro %}

{#- The key of a location, and of a bed as a thing that holds a visit. -#}
{% macro location_key(facility, code) -%}
    {{ key('location', [facility, code]) }}
{%- endmacro %}

{% macro bed_key(facility, code) -%}
    {{ key('bed', [facility, code]) }}
{%- endmacro %}

{#- The key of an order by the number of who placed it, and by the number of who fills it. -#}
{% macro placer_order_key(authority, number) -%}
    {{ key('order', [authority, "'PLAC'", number]) }}
{%- endmacro %}

{% macro filler_order_key(authority, number) -%}
    {{ key('order', [authority, "'FILL'", number]) }}
{%- endmacro %}

{#- The row of int__identifier_authority (`alias`) for a number of a row: where it states no authority.
    `patient` is the row that has its `patient_key`. -#}
{% macro join_number_authority(relation, alias, kind, row, number, sender, patient) -%}
left join {{ relation }} as {{ alias }}
    on {{ alias }}.kind = '{{ kind }}'
    and {{ alias }}.source_system = {{ row }}.source_system
    and {{ alias }}.sender = {{ sender }}
    and {{ alias }}.identifier_value = {{ row }}.{{ number }}
    and {{ alias }}.subject = coalesce({{ patient }}.patient_key, '')
{%- endmacro %}

{#- The appointment that a statement of some time under their common visit number is about, of those
    joined (`booking`): the nearest that still stands on that day, else the only one that stands at all. -#}
{% macro booking_of_day(at, booking) -%}
{%- set of_day = local_date(booking ~ '.scheduled_start_at') ~ ' = ' ~ local_date(at) -%}
coalesce(
            {{ earliest_by(
                'case when ' ~ booking ~ '.is_open and ' ~ of_day ~ ' then ' ~ booking ~ '.visit_key end',
                "lpad(cast(abs(" ~ minutes_between(booking ~ '.scheduled_start_at', at)
                    ~ ") as string), 12, '0') || " ~ booking ~ '.statement_order || '
                    ~ booking ~ '.visit_key',
            ) }},
            min(
                case
                    when {{ booking }}.is_open and {{ booking }}.open_count = 1 then {{ booking }}.visit_key
                end
            )
        )
{%- endmacro %}

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

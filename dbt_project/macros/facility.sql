{#- The facility (id of sources.yaml) of a thing: the only one where the home has one; else that which its
    location names, by id or code, else that for which its source speaks alone. NULL where a location names
    one that is not listed, or nothing decides: then no local time of it may be stated. -#}
{% macro facility_of(code, source_ref) -%}
{%- set facilities = var('facilities') -%}
{%- if facilities | length == 1 -%}
'{{ facilities[0].id }}'
{%- elif facilities -%}
case
    {%- for facility in facilities %}
    when {{ code }} in ('{{ (facility.codes + facility.sources) | join("', '") }}') then '{{ facility.id }}'
    {%- endfor %}
    when {{ code }} is not null then null
    {%- for facility in facilities if facility.sources %}
    when split_part({{ source_ref }}, '/', 1) in ('{{ facility.sources | join("', '") }}')
        then '{{ facility.id }}'
    {%- endfor %}
end
{%- else -%}
cast(null as string)
{%- endif -%}
{%- endmacro %}

{#- The IANA zone of a facility, given its id; the home's where there is none. -#}
{% macro zone_of_facility(facility_id) -%}
{%- set others = [] -%}
{%- for facility in var('facilities') if facility.time_zone != var('time_zone') -%}
{%- set _ = others.append(facility) -%}
{%- endfor -%}
{%- if others -%}
case {{ facility_id }}
    {%- for facility in others %} when '{{ facility.id }}' then '{{ facility.time_zone }}'{% endfor %}
    else '{{ var("time_zone") }}' end
{%- else -%}
'{{ var("time_zone") }}'
{%- endif -%}
{%- endmacro %}

{#- The IANA zone in which a source states times without an offset: `source_time_zones` has those of
    sources.yaml, the facility's stands in for a source that is not listed. -#}
{% macro source_zone(source) -%}
{%- set zones = var('source_time_zones') -%}
{%- set others = [] -%}
{%- for name, zone in zones.items() if zone != var('time_zone') -%}
{%- set _ = others.append(name) -%}
{%- endfor -%}
{%- if others -%}
case {{ source }}{% for name in others %} when '{{ name }}' then '{{ zones[name] }}'{% endfor %}
    else '{{ var("time_zone") }}' end
{%- else -%}
'{{ var("time_zone") }}'
{%- endif -%}
{%- endmacro %}

{#- The feed of what a FHIR source states: `fhir`, unless sources.yaml names another for that source. -#}
{% macro fhir_feed(source) -%}
{%- set feeds = var('source_feeds') -%}
{%- if feeds -%}
case {{ source }}{% for name in feeds %} when '{{ name }}' then '{{ feeds[name] }}'{% endfor %}
    else 'fhir' end
{%- else -%}
'fhir'
{%- endif -%}
{%- endmacro %}

{#- An array of the names of the criteria that do not hold, in the order given: [[name, condition], …];
    empty exactly where `criteria_hold` of the same criteria is true. -#}
{% macro failed_criteria(criteria) -%}
    {%- set failing = [] -%}
    {%- for name, condition in criteria -%}
    {%- set _ = failing.append((name, "not coalesce(" ~ condition ~ ", false)")) -%}
    {%- endfor -%}
    {{ flags(failing) }}
{%- endmacro %}

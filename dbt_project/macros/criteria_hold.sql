{#- Whether all criteria hold: [[name, condition], …]. One that cannot be decided does not hold. -#}
{% macro criteria_hold(criteria) -%}
    {%- for name, condition in criteria -%}
    coalesce({{ condition }}, false){{ " and " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- A cast that gives NULL where the text does not fit. -#}
{% macro try_cast_to(value, type) -%}
    try_cast({{ value }} as {{ type }})
{%- endmacro %}

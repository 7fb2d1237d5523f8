{#- The text of an instant (`time_text`), a number of minutes later. -#}
{% macro later_text(instant_text, minutes) -%}
lpad(cast(try_cast({{ instant_text }} as bigint) + {{ minutes * 60000000 }} as string), 18, '0')
{%- endmacro %}

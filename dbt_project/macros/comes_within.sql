{#- Whether a day is one of the next `days` after the day of the list; false where it is not known. -#}
{% macro comes_within(local_date, days) -%}
{%- set day = "cast('" ~ var('day') ~ "' as date)" -%}
coalesce({{ local_date }} > {{ day }} and {{ local_date }} <= {{ add_days(day, days) }}, false)
{%- endmacro %}

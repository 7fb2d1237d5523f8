{#- A start for people: 6 Jan 09:30; of a day alone, 6 Jan: an hour that nobody stated is not printed. -#}
{% macro day_and_time(instant, precision, zone) -%}
{{ local_day_words(instant, zone) }}
        || case when {{ is_day_alone(precision) }} then '' else ' ' || {{ local_time(instant, zone) }} end
{%- endmacro %}

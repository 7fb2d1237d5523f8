{#- The calendar day of an instant in the facility's zone, for people: 5 Jan; NULL stays NULL. -#}
{% macro local_day_words(instant) -%}
    {{ return(adapter.dispatch('local_day_words', 'lakeward')(instant)) }}
{%- endmacro %}

{% macro duckdb__local_day_words(instant) -%}
    strftime(timezone('{{ var("time_zone") }}', {{ instant }}), '%-d %b')
{%- endmacro %}

{% macro spark__local_day_words(instant) -%}
    date_format(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}'), 'd MMM')
{%- endmacro %}

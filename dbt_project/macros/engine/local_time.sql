{#- The time of day of an instant in the facility's zone, as text: 09:30; NULL stays NULL. -#}
{% macro local_time(instant) -%}
    {{ return(adapter.dispatch('local_time', 'lakeward')(instant)) }}
{%- endmacro %}

{% macro duckdb__local_time(instant) -%}
    strftime(timezone('{{ var("time_zone") }}', {{ instant }}), '%H:%M')
{%- endmacro %}

{% macro spark__local_time(instant) -%}
    date_format(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}'), 'HH:mm')
{%- endmacro %}

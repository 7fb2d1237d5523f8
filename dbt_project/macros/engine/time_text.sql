{#- An instant as text of 18 digits that sorts as the instant does; NULL sorts before all others. -#}
{% macro time_text(instant) -%}
    {{ return(adapter.dispatch('time_text', 'lakeward')(instant)) }}
{%- endmacro %}

{% macro duckdb__time_text(instant) -%}
    coalesce(lpad(cast(epoch_us({{ instant }}) + 100000000000000000 as string), 18, '0'), repeat('0', 18))
{%- endmacro %}

{% macro spark__time_text(instant) -%}
    coalesce(lpad(cast(unix_micros({{ instant }}) + 100000000000000000 as string), 18, '0'), repeat('0', 18))
{%- endmacro %}

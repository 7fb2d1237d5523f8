{#- Milliseconds from 1970 to an instant; NULL stays NULL. -#}
{% macro epoch_millis(instant) -%}
    {{ return(adapter.dispatch('epoch_millis', 'lakeward')(instant)) }}
{%- endmacro %}

{% macro duckdb__epoch_millis(instant) -%}
    epoch_ms({{ instant }})
{%- endmacro %}

{% macro spark__epoch_millis(instant) -%}
    unix_millis({{ instant }})
{%- endmacro %}

{#- The calendar day of an instant in a zone, given as SQL; NULL stays NULL. -#}
{% macro date_in_zone(instant, zone) -%}
    {{ return(adapter.dispatch('date_in_zone', 'lakeward')(instant, zone)) }}
{%- endmacro %}

{% macro duckdb__date_in_zone(instant, zone) -%}
    cast(timezone({{ zone }}, {{ instant }}) as date)
{%- endmacro %}

{% macro spark__date_in_zone(instant, zone) -%}
    to_date(from_utc_timestamp({{ instant }}, {{ zone }}))
{%- endmacro %}

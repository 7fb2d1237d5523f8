{#- The instant at which a clock in a zone, given as SQL, shows a timestamp without zone: the earlier of
    two, and shifted forward where the clock skips it; NULL stays NULL. -#}
{% macro instant_in_zone(local_timestamp, zone) -%}
    {{ return(adapter.dispatch('instant_in_zone', 'lakeward')(local_timestamp, zone)) }}
{%- endmacro %}

{% macro duckdb__instant_in_zone(local_timestamp, zone) -%}
    least(
        timezone({{ zone }}, {{ local_timestamp }}),
        timezone({{ zone }}, {{ local_timestamp }} - to_minutes(60)) + to_minutes(60)
    )
{%- endmacro %}

{% macro spark__instant_in_zone(local_timestamp, zone) -%}
    to_utc_timestamp({{ local_timestamp }}, {{ zone }})
{%- endmacro %}

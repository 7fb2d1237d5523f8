{#- An array of text `name=value` for each value that is known, in the order given: [[name, value], …];
    never NULL. -#}
{% macro facts(pairs) -%}
    {{ return(adapter.dispatch('facts', 'lakeward')(pairs)) }}
{%- endmacro %}

{% macro duckdb__facts(pairs) -%}
    list_filter([
        {%- for name, value in pairs %}
        '{{ name }}=' || cast({{ value }} as string){{ "," if not loop.last }}
        {%- endfor %}
    ], lambda x: x is not null)
{%- endmacro %}

{% macro spark__facts(pairs) -%}
    filter(array(
        {%- for name, value in pairs %}
        '{{ name }}=' || cast({{ value }} as string){{ "," if not loop.last }}
        {%- endfor %}
    ), x -> x is not null)
{%- endmacro %}

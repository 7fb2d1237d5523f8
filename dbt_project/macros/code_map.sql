{#- Join a code map twice: the rows of one source, and the rows for every source (`*`). -#}
{% macro join_code_map(relation, alias, source_system, code) -%}
left join {{ relation }} as {{ alias }}_own
    on {{ alias }}_own.source_system = {{ source_system }} and {{ alias }}_own.from_code = {{ code }}
left join {{ relation }} as {{ alias }}_any
    on {{ alias }}_any.source_system = '*' and {{ alias }}_any.from_code = {{ code }}
{%- endmacro %}

{#- What a joined code map says: NULL stays NULL, `""` clears, an unknown code is `unmapped`. -#}
{% macro mapped(alias, code) -%}
case
    when {{ code }} is null then null
    when {{ code }} in ('', '""') then {{ code }}
    else coalesce({{ alias }}_own.to_code, {{ alias }}_any.to_code, 'unmapped')
end
{%- endmacro %}

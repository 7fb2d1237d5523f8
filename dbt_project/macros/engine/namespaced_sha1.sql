{#- SHA-1 of the deployment's key namespace and a text, in hexadecimal; NULL stays NULL. Each session
    defines `key_namespace()`, so that the namespace stands in no compiled SQL. -#}
{% macro namespaced_sha1(text_expr) -%}
    {{ return(adapter.dispatch('namespaced_sha1', 'lakeward')(text_expr)) }}
{%- endmacro %}

{% macro duckdb__namespaced_sha1(text_expr) -%}
    sha1(key_namespace() || encode({{ text_expr }}))
{%- endmacro %}

{% macro spark__namespaced_sha1(text_expr) -%}
    sha1(concat(key_namespace(), encode({{ text_expr }}, 'utf-8')))
{%- endmacro %}

{#- RFC 4122 version-5 UUID of a text, in the deployment's namespace; NULL stays NULL. -#}
{% macro uuid5(text_expr) -%}
    {%- set digest = namespaced_sha1(text_expr) | trim -%}
    (substr({{ digest }}, 1, 8) || '-' || substr({{ digest }}, 9, 4)
        || '-5' || substr({{ digest }}, 14, 3)
        || '-' || translate(substr({{ digest }}, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')
        || substr({{ digest }}, 18, 3) || '-' || substr({{ digest }}, 21, 12))
{%- endmacro %}

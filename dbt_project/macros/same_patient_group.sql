{#- Whether two rows come from the same patient's part of the same HL7 v2 message: most messages have one
    part, a swap of beds (A17) or a link (A24) has two. -#}
{% macro same_patient_group(left, right) -%}
{{ right }}.source_system = {{ left }}.source_system
    and {{ right }}.received = {{ left }}.received
    and {{ right }}.message = {{ left }}.message
    and {{ right }}.patient_group = {{ left }}.patient_group
{%- endmacro %}

{#- Whether a patient's part (right) is of the same message as a row (left). -#}
{% macro same_staged_message(left, right) -%}
{{ right }}.source_system = {{ left }}.source_system
    and {{ right }}.received = {{ left }}.received
    and {{ right }}.message = {{ left }}.message
{%- endmacro %}

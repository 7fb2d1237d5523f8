{#- AUTO-GENERATED: do not edit; run `lakeward contracts build`. -#}
{#- Resource types that staging models read; `stg_fhir__version` and `stg_fhir__reference` hold these. -#}
{% macro staged_types() -%}
(
    'Appointment',
    'Consent',
    'Encounter',
    'Location',
    'Patient',
    'Practitioner',
    'Schedule',
    'ServiceRequest',
    'Slot',
    'Task'
)
{%- endmacro %}

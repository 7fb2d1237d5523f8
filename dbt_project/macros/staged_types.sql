{#- AUTO-GENERATED: do not edit; run `lakeward contracts build`. -#}
{#- Resource types that staging models read; `stg_fhir__version` and `stg_fhir__reference` hold these. -#}
{% macro staged_types() -%}
(
    'AllergyIntolerance',
    'Appointment',
    'AppointmentResponse',
    'Bundle',
    'ClaimResponse',
    'Communication',
    'CommunicationRequest',
    'Consent',
    'Coverage',
    'CoverageEligibilityResponse',
    'DiagnosticReport',
    'DocumentReference',
    'Encounter',
    'Location',
    'Medication',
    'MedicationRequest',
    'MedicationStatement',
    'Observation',
    'Organization',
    'Patient',
    'Practitioner',
    'PractitionerRole',
    'Provenance',
    'QuestionnaireResponse',
    'Schedule',
    'ServiceRequest',
    'Slot',
    'Task'
)
{%- endmacro %}

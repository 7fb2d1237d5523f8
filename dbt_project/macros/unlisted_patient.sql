{#- Branches of a case: why nobody may act on a patient, the same on every list. Read from a step of criteria,
    with columns is_patient_known, patient_status and is_patient_deceased; `alias` names it in a join. -#}
{% macro unlisted_patient(alias=none) -%}
{%- set of = alias ~ '.' if alias else '' -%}
when not {{ of }}is_patient_known then 'patient_unknown'
        when {{ of }}patient_status = 'merged' then 'patient_merged'
        when {{ of }}patient_status = 'test' then 'patient_test'
        when {{ of }}is_patient_deceased then 'patient_deceased'
        when {{ of }}patient_status <> 'active' then 'patient_inactive'
{%- endmacro %}

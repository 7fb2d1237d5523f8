-- Grain: one row per telecom of the winning version of a Patient; `choice` 1 is the one to use of those
-- that serve as one contact of the patient.
{{ ranked_telecoms('patient', ref('telecom_choice'), stated_telecoms(
    current_version(source('lake', 'fhir__patient_telecom'), ref('stg_fhir__version'), 'Patient'),
    ref('code_map_telecom_system'), ref('code_map_telecom_use'),
)) }}

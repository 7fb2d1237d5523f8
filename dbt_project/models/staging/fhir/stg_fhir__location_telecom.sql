-- Grain: one row per telecom of a stored version of a Location; `choice` 1 is the one to show.
{{ ranked_telecoms('location', ref('telecom_choice'), stated_telecoms(
    source('lake', 'fhir__location_telecom'),
    ref('code_map_telecom_system'), ref('code_map_telecom_use'),
)) }}

{{ config(materialized='table', database='scratch') }}
-- Grain: one row per visit named in a message: its PV1 and PV2 (message, patient_group).
with visits as (
    select * from {{ first_in_group(source('lake', 'hl7v2__pv1')) }} as v
),

additions as (
    select * from {{ first_in_group(source('lake', 'hl7v2__pv2')) }} as a
),

prior_visits as (
    select * from {{ first_in_group(source('lake', 'hl7v2__mrg')) }} as g
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.sender,
    e.message_at,
    e.recorded_at,
    e.planned_at,
    e.occurred_at,
    e.event_type,
    e.event_region,
    e.effect,
    e.cancels,
    v.patient_group,
    coalesce({{ held('v.visit_authority') }}, e.sender) as visit_number_authority,
    coalesce(
        {{ held('v.visit_id') }}, case when e.effect = 'visit_move' then {{ held('g.prior_visit_id') }} end
    ) as visit_number,
    {{ mapped('class', 'v.patient_class') }} as visit_class,
    v.patient_class,
    v.hospital_service as service_type,
    {{ location_facility('v.location', 'e.sender') }} as location_facility,
    {{ held('v.location_unit') }} as location_unit,
    {{ held('v.location_room') }} as location_room,
    {{ held('v.location_bed') }} as location_bed,
    {{ location_code('v.location') }} as location_code,
    {{ location_facility('v.pending_location', 'e.sender') }} as pending_facility,
    {{ held('v.pending_location_unit') }} as pending_unit,
    {{ held('v.pending_location_room') }} as pending_room,
    {{ held('v.pending_location_bed') }} as pending_bed,
    {{ location_code('v.pending_location') }} as pending_code,
    {{ location_facility('v.temporary_location', 'e.sender') }} as temporary_facility,
    {{ held('v.temporary_location_unit') }} as temporary_unit,
    case
        when v.attending_id = '""' then '""' else {{ person_key('v.attending', 'e.sender') }}
    end as practitioner_key,
    v.attending_id,
    v.attending_family,
    v.attending_given,
    v.admit_at,
    -- A discharge that states only a day means by the end of that day: it ends what began on it.
    case
        when
            v.discharge_precision = 'day'
            and coalesce(e.occurred_at, e.recorded_at) >= {{ plus_minutes('v.discharge_at', 1440) }}
            then {{ plus_minutes('v.discharge_at', 1439) }}
        else {{ sharpened_at('v.discharge', 'coalesce(e.occurred_at, e.recorded_at)') }}
    end as discharge_at,
    {{ mapped('disposition', 'v.discharge_disposition') }} as discharge_disposition,
    v.discharge_disposition as discharge_disposition_code,
    {{ held('g.prior_visit_id') }} as prior_visit_number,
    coalesce(
        {{ held('g.prior_visit_authority') }}, {{ held('v.visit_authority') }}, e.sender
    ) as prior_visit_authority,
    a.admit_reason_code as reason_code,
    a.expected_admit_at,
    {{ at_or_cleared('a.expected_discharge') }} as expected_discharge_at
from {{ ref('stg_hl7v2__event') }} as e
inner join visits as v on {{ same_message('e', 'v') }}
left join prior_visits as g on {{ same_message('e', 'g') }} and g.patient_group = v.patient_group
left join additions as a on {{ same_message('e', 'a') }} and a.patient_group = v.patient_group
{{ join_code_map(ref('code_map_visit_class'), 'class', 'e.source_system', 'v.patient_class') }}
{{ join_code_map(
    ref('code_map_discharge_disposition'), 'disposition', 'e.source_system', 'v.discharge_disposition'
) }}

{{ config(materialized='table', database='scratch') }}
{% set zone = source_zone('e.source_system') %}
-- Grain: one row per visit named in a message: its PV1 and PV2 (message, patient_group).
with visits as (
    select * from {{ first_in_group(source('lake', 'hl7v2__pv1')) }} as v
),

additions as (
    select * from {{ first_in_group(source('lake', 'hl7v2__pv2')) }} as a
),

prior_visits as (
    select * from {{ first_in_group(source('lake', 'hl7v2__mrg')) }} as g
),

accounts as (
    select * from {{ first_in_group(source('lake', 'hl7v2__pid')) }} as p
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.sender,
    e.message_at,
    e.recorded_at,
    e.planned_at,
    e.planned_precision,
    e.occurred_at,
    e.occurred_precision,
    e.is_stamped,
    e.event_type,
    e.event_region,
    e.effect,
    e.cancels,
    v.patient_group,
    case
        when {{ held('v.visit_id') }} is not null then {{ stated_authority('v.visit') }}
        when e.effect = 'visit_move' and {{ held('g.prior_visit_id') }} is not null
            then coalesce({{ stated_authority('g.prior_visit') }}, {{ stated_authority('v.visit') }})
    end as visit_number_authority,
    coalesce(
        {{ held('v.visit_id') }},
        case when e.effect = 'visit_move' then {{ held('g.prior_visit_id') }} end
    ) as visit_number,
    {{ stated_authority('v.alternate_visit') }} as alternate_visit_authority,
    {{ held('v.alternate_visit_id') }} as alternate_visit_number,
    {{ stated_authority('v.preadmit') }} as preadmit_authority,
    {{ held('v.preadmit_id') }} as preadmit_number,
    {{ stated_authority('n.account') }} as account_authority,
    {{ held('n.account_id') }} as account_number,
    c.to_code as visit_class,
    c.code as patient_class,
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
    {{ sharpened_at('v.admit', 'coalesce(e.occurred_at, e.recorded_at)', zone) }} as began_at,
    v.admit_precision,
    {{ sharpened_at('v.discharge', 'coalesce(e.occurred_at, e.recorded_at)', zone) }} as discharge_at,
    v.discharge_precision,
    d.to_code as discharge_disposition,
    d.code as discharge_disposition_code,
    {{ held('g.prior_visit_id') }} as prior_visit_number,
    coalesce(
        {{ stated_authority('g.prior_visit') }}, {{ stated_authority('v.visit') }}
    ) as prior_visit_authority,
    {{ held('g.prior_account_id') }} as prior_account_number,
    coalesce(
        {{ stated_authority('g.prior_account') }}, {{ stated_authority('n.account') }}
    ) as prior_account_authority,
    {{ person_key('v.referring', 'e.sender') }} as referring_practitioner_key,
    {{ person_key('v.admitting', 'e.sender') }} as admitting_practitioner_key,
    {{ location_facility('v.prior_location', 'e.sender') }} as prior_facility,
    {{ held('v.prior_location_unit') }} as prior_unit,
    v.discharged_to as discharge_destination,
    v.vip_indicator,
    a.protection_indicator,
    a.admit_reason_code as reason_code,
    a.expected_admit_at,
    a.expected_admit_precision,
    case
        when a.expected_discharge_text = '""' then {{ cleared_at() }}
        else {{ last_at('a.expected_discharge_at', 'a.expected_discharge_precision', zone) }}
    end as expected_discharge_at,
    coalesce(a.expected_discharge_precision, case when a.expected_discharge_text = '""' then '""' end)
        as expected_discharge_precision
from {{ ref('stg_hl7v2__event') }} as e
inner join visits as v on {{ same_message('e', 'v') }}
left join prior_visits as g on {{ same_message('e', 'g') }} and g.patient_group = v.patient_group
left join accounts as n on {{ same_message('e', 'n') }} and n.patient_group = v.patient_group
left join additions as a on {{ same_message('e', 'a') }} and a.patient_group = v.patient_group
{% for name in [
    'v.visit',
    'v.alternate_visit',
    'v.preadmit',
    'n.account',
    'g.prior_visit',
    'g.prior_account',
] %}
{{ join_stated_authority(ref('stg_hl7v2__authority'), name) }}
{% endfor %}
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['PV1-2'], segment_keys(),
    ref('code_map_visit_class'), ref('coding_rank'), 'visit_class',
) }} as c
    on {{ in_same_message('v', 'c') }} and c.segment = v.segment
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['PV1-36'], segment_keys(),
    ref('code_map_discharge_disposition'), ref('coding_rank'), 'discharge_disposition',
) }} as d
    on {{ in_same_message('v', 'd') }} and d.segment = v.segment

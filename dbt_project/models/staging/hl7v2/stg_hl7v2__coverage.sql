{{ config(materialized='table', database='scratch') }}
-- Grain: one row per insurance (IN1) of a message.
{% set zone = source_zone('e.source_system') %}
{% set no_instant = 'cast(null as ' ~ instant_type() ~ ')' %}
select
    {{ hl7_origin('e') }},
    e.statement_order as message_order,
    {{ part_order('e.statement_order', 'i.segment') }} as statement_order,
    e.recorded_at,
    i.segment,
    i.patient_group,
    coalesce({{ held('i.company_id') }}, {{ held('i.plan_code') }}) as payer_id,
    {{ held('i.company_name') }} as payer_name,
    coalesce({{ held('i.plan_type') }}, {{ held('i.plan_code') }}) as plan_type,
    coalesce({{ held('i.policy_number') }}, {{ held('i.insured_id') }}) as member_number,
    try_cast(coalesce({{ held('i.coordination_priority') }}, {{ held('i.set_id') }}) as bigint)
        as coverage_order,
    {{ is_over('i.plan_expiration_text', no_instant) }} as is_over,
    {{ is_ahead('i.plan_effective_text', no_instant) }} as is_ahead,
    {{ midnight_in_zone('i.plan_effective', zone) }} as period_start_at,
    {{ plus_minutes(midnight_in_zone(add_days('i.plan_expiration', 1), zone), -1) }} as period_end_at,
    {{ sharpened_at('i.verified', 'e.recorded_at', zone) }} as verified_at,
    i.eligibility_flag as eligibility_code,
    {{ mapped('eligibility', held('i.eligibility_flag')) }} as eligibility,
    {{ midnight_in_zone('i.eligibility', zone) }} as eligibility_at,
    {{ held('i.authorization_number') }} as authorization_number,
    {{ midnight_in_zone('i.authorization', zone) }} as authorized_at
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__in1') }} as i on {{ same_message('e', 'i') }}
{{ join_code_map(
    ref('code_map_eligibility'), 'eligibility', 'e.source_system', held('i.eligibility_flag')
) }}

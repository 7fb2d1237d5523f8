{{ config(materialized='table', database='scratch') }}
-- Grain: one row per referral message: its RF1 with the providers and the patient.
{% set if_referring = "case when provider_role_code = 'RP' then " %}
{% set referring_id = if_referring ~ "provider_id end" %}
{% set referring_family = if_referring ~ held('provider_family_name') ~ " end" %}
{% set referring_given = if_referring ~ held('provider_given_name') ~ " end" %}
{% set referred_to -%}
case
            when provider_role_code = 'RT'
                then coalesce(provider_family_name, provider_location_unit, provider_id)
        end
{%- endset %}
with providers as (
    select
        source,
        received,
        message,
        {{ earliest_by(referring_id, 'segment') }} as referring_id,
        {{ earliest_by(referring_family, 'segment') }} as referring_family_name,
        {{ earliest_by(referring_given, 'segment') }} as referring_given_name,
        {{ earliest_by(referred_to, 'segment') }} as referred_to
    from {{ source('lake', 'hl7v2__prd') }}
    group by source, received, message
),

patients as (
    select source, received, message, min(patient_group) as patient_group
    from {{ source('lake', 'hl7v2__pid') }}
    group by source, received, message
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.sender,
    e.message_at,
    e.recorded_at,
    e.event_type,
    n.patient_group,
    coalesce({{ held('f.originating_authority') }}, e.sender) as referral_authority,
    {{ held('f.originating_id') }} as originating_id,
    f.referral_status_code as status_code,
    {{ mapped('status', 'f.referral_status_code') }} as referral_state,
    {{ mapped('priority', 'f.referral_priority_code') }} as priority,
    f.referral_priority_code as priority_code,
    coalesce({{ held('f.referral_type_code') }}, {{ held('f.referral_category_code') }}) as specialty,
    f.referral_reason_code as reason_code,
    f.effective_at,
    f.process_at,
    {{ at_or_cleared('f.expiration') }} as expires_at,
    f.documentation_completion,
    case when {{ held('r.referring_id') }} is not null then
        {{ key('practitioner', [
            "case when length(r.referring_id) = 10 then 'NPI' else e.sender end", 'r.referring_id'
        ]) }}
    end as referring_practitioner_key,
    r.referring_id,
    r.referring_family_name,
    r.referring_given_name,
    r.referred_to,
    coalesce({{ held('f.external_authority') }}, e.sender) as external_authority,
    {{ held('f.external_id') }} as external_id
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__rf1') }} as f on {{ same_message('e', 'f') }}
left join providers as r on {{ same_message('e', 'r') }}
left join patients as n on {{ same_message('e', 'n') }}
{{ join_code_map(ref('code_map_referral_status'), 'status', 'e.source_system', 'f.referral_status_code') }}
{{ join_code_map(
    ref('code_map_referral_priority'), 'priority', 'e.source_system', 'f.referral_priority_code'
) }}
where {{ held('f.originating_id') }} is not null

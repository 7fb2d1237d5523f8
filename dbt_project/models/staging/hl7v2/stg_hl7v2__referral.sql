{{ config(materialized='table', database='scratch') }}
{% set zone = source_zone('e.source_system') %}
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
        {{ earliest_by(if_referring ~ held('provider_location_facility') ~ " end", 'segment') }}
            as referring_organization,
        {{ earliest_by(referred_to, 'segment') }} as referred_to
    from {{ source('lake', 'hl7v2__prd') }}
    group by source, received, message
),

-- A message with an authorisation (AUT) says that one is needed, and how it stands.
authorisations as (
    select
        a.source,
        a.received,
        a.message,
        {{ latest_by('a.approval_status_code', 'a.segment') }} as auth_status_code,
        {{ latest_by(mapped('map', held('a.approval_status_code')), 'a.segment') }} as stated_status,
        max({{ held('a.authorization_id') }}) is not null as has_number
    from {{ source('lake', 'hl7v2__aut') }} as a
    {{ join_code_map(ref('code_map_authorisation_status'), 'map', 'a.source', 'a.approval_status_code') }}
    group by a.source, a.received, a.message
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
    e.is_stamped,
    e.event_type,
    n.patient_group,
    {{ stated_authority('f.originating') }} as referral_authority,
    {{ held('f.originating_id') }} as originating_id,
    s.code as status_code,
    s.to_code as referral_state,
    y.to_code as priority,
    y.code as priority_code,
    coalesce(t.code, c.code) as specialty,
    d.code as reason_code,
    {{ sharpened_at('f.effective', 'e.recorded_at', zone) }} as effective_at,
    {{ sharpened_at('f.process', 'e.recorded_at', zone) }} as process_at,
    f.process_precision,
    {{ at_or_cleared('f.expiration') }} as expires_at,
    f.documentation_completion,
    {{ mapped('docs', held('f.documentation_completion')) }} as docs_state,
    u.auth_status_code,
    coalesce(
        u.stated_status,
        -- A payer gives the number with the approval.
        case when u.has_number then 'approved' when not u.has_number then 'pending' end
    ) as auth_status,
    case when {{ held('r.referring_id') }} is not null then
        {{ key('practitioner', [
            "case when " ~ is_npi('r.referring_id') ~ " then 'NPI' else e.sender end", 'r.referring_id'
        ]) }}
    end as referring_practitioner_key,
    r.referring_id,
    r.referring_family_name,
    r.referring_given_name,
    nullif(concat_ws(' ', r.referring_given_name, r.referring_family_name), '') as referring_name,
    r.referring_organization,
    r.referred_to,
    {{ stated_authority('f.external') }} as external_authority,
    {{ held('f.external_id') }} as external_id
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__rf1') }} as f on {{ same_message('e', 'f') }}
left join providers as r on {{ same_message('e', 'r') }}
left join authorisations as u on {{ same_message('e', 'u') }}
left join patients as n on {{ same_message('e', 'n') }}
{{ join_code_map(
    ref('code_map_documentation'), 'docs', 'e.source_system', 'f.documentation_completion'
) }}
{% for name in ['f.originating', 'f.external'] %}
{{ join_stated_authority(ref('stg_hl7v2__authority'), name) }}
{% endfor %}
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['RF1-1'], segment_keys(),
    ref('code_map_referral_status'), ref('coding_rank'), 'referral_status',
) }} as s
    on {{ in_same_message('f', 's') }} and s.segment = f.segment
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['RF1-2'], segment_keys(),
    ref('code_map_referral_priority'), ref('coding_rank'), 'referral_priority',
) }} as y
    on {{ in_same_message('f', 'y') }} and y.segment = f.segment
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['RF1-3'], segment_keys(),
    none, ref('coding_rank'), '*',
) }} as t
    on {{ in_same_message('f', 't') }} and t.segment = f.segment
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['RF1-5'], segment_keys(),
    none, ref('coding_rank'), '*',
) }} as c
    on {{ in_same_message('f', 'c') }} and c.segment = f.segment
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['RF1-10'], segment_keys(),
    none, ref('coding_rank'), '*',
) }} as d
    on {{ in_same_message('f', 'd') }} and d.segment = f.segment
where {{ held('f.originating_id') }} is not null

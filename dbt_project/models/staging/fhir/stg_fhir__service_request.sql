{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a ServiceRequest; `is_current` marks the winning one.
{% set zone = source_zone('r.source') %}
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id, identifier_type order by identifier_rank, value
        ) as number_rank
    from {{ ref('stg_fhir__identifier') }}
    where resource_type = 'ServiceRequest' and role in ('identifies', 'alias')
),

numbers as (
    select
        source,
        received,
        line,
        id,
        max(case when identifier_type = 'PLAC' then authority end) as placer_authority,
        max(case when identifier_type = 'PLAC' then value end) as placer_number,
        max(case when identifier_type = 'FILL' then authority end) as filler_authority,
        max(case when identifier_type = 'FILL' then value end) as filler_number,
        max(case when identifier_type = 'RREF' then authority end) as referral_authority,
        max(case when identifier_type = 'RREF' then value end) as referral_id
    from ranked_identifiers
    where number_rank = 1
    group by source, received, line, id
),

-- A request is a referral when any of its codings says so.
referrals as (
    select distinct source, received, line, id
    from {{ known_codings(
        source('lake', 'fhir__service_request_concept'), ['category', 'code'],
        ref('code_map_order_category'), ref('coding_rank'), 'order_category',
    ) }} as c
    where to_code = 'referral'
)

select
    {{ fhir_origin('r', 'winner') }},
    {{ fhir_order('winner') }} as statement_order,
    winner.is_stamped,
    winner.is_current,
    r.content_sha256,
    n.placer_authority,
    n.placer_number,
    n.filler_authority,
    n.filler_number,
    r.requisition_value as group_number,
    n.referral_authority,
    n.referral_id,
    n.referral_id is not null or f.id is not null as is_referral,
    {{ has_modifier(ref('modifier'), 'ServiceRequest', 'left_out', [
        ['doNotPerform', 'r.do_not_perform'], ['intent', 'r.intent'],
    ]) }} as is_left_out,
    coalesce(
        r.patient_id, {{ named_id(references, 'r', 'ServiceRequest', 'subject', 'Patient') }}
    ) as patient_resource_id,
    coalesce(
        r.encounter_id, {{ named_id(references, 'r', 'ServiceRequest', 'encounter', 'Encounter') }}
    ) as encounter_resource_id,
    coalesce(
        r.requester_id, {{ named_id(references, 'r', 'ServiceRequest', 'requester', 'Practitioner') }}
    ) as requester_resource_id,
    coalesce(
        r.based_on_id, {{ named_id(references, 'r', 'ServiceRequest', 'basedOn', 'ServiceRequest') }}
    ) as based_on_resource_id,
    r.status as status_code,
    {{ mapped('status', 'r.status') }} as order_status,
    r.intent,
    coalesce({{ mapped('priority', 'r.priority') }}, 'routine') as priority,
    coalesce(case when s.knowledge < 2 then s.to_code end, c.to_code) as order_category,
    c.code as category_code,
    s.code_system,
    s.code,
    coalesce(s.display, r.code_text) as display,
    -- Whose name it is follows from what the reference points to.
    case when r.requester_organization_id is null then r.requester_display end as requester_name,
    case when r.requester_organization_id is not null then r.requester_display end as requester_organization,
    t.code as performer_type_code,
    coalesce(r.performer_display, r.performer_reference) as performer,
    y.code as reason_code,
    {{ fhir_placed_at('r.authored_on_text', 'winner.stated_at', zone) }} as ordered_at,
    {{ fhir_time_precision('r.authored_on_text') }} as ordered_precision,
    {{ fhir_time_at('r.occurrence_text', zone) }} as requested_for_at,
    {{ fhir_last_at('r.occurrence_end_text', zone) }} as expires_at
from {{ source('lake', 'fhir__service_request') }} as r
left join numbers as n
    on {{ same_row('n', 'r') }}
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'r', 'ServiceRequest') }}
{{ join_code_map(ref('code_map_order_status'), 'status', 'r.source', 'r.status') }}
{{ join_code_map(ref('code_map_priority'), 'priority', 'r.source', 'r.priority') }}
left join referrals as f
    on {{ same_row('f', 'r') }}
left join {{ chosen_coding(
    source('lake', 'fhir__service_request_concept'), ['category'], version_keys(),
    ref('code_map_order_category'), ref('coding_rank'), 'order_category',
) }} as c
    on {{ same_row('c', 'r') }}
left join {{ chosen_coding(
    source('lake', 'fhir__service_request_concept'), ['code'], version_keys(),
    ref('code_map_order_category'), ref('coding_rank'), 'order_category',
) }} as s
    on {{ same_row('s', 'r') }}
left join {{ chosen_coding(
    source('lake', 'fhir__service_request_concept'), ['performerType'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as t
    on {{ same_row('t', 'r') }}
left join {{ chosen_coding(
    source('lake', 'fhir__service_request_concept'), ['reasonCode'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as y
    on {{ same_row('y', 'r') }}

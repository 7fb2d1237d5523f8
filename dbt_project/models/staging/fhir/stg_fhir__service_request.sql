{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a ServiceRequest; `is_current` marks the winning one.
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        i.*,
        coalesce(i.type_code, i.system_type) as identifier_type,
        row_number() over (
            partition by i.source, i.received, i.line, i.id, coalesce(i.type_code, i.system_type)
            order by i.ordinal
        ) as identifier_rank
    from {{ assigned_identifiers(
        source('lake', 'fhir__service_request_identifier'), ref('identifier_system')
    ) }} as i
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
    where identifier_rank = 1
    group by source, received, line, id
)

select
    {{ fhir_origin('r') }},
    {{ fhir_order('r') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    r.content_sha256,
    n.placer_authority,
    n.placer_number,
    n.filler_authority,
    n.filler_number,
    n.referral_authority,
    n.referral_id,
    n.referral_id is not null or r.category_code in ('referral', '3457005') as is_referral,
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
    coalesce(
        service_own.to_code, service_any.to_code, {{ mapped('category', 'r.category_code') }}
    ) as order_category,
    r.category_code,
    r.code_system,
    r.code,
    coalesce(r.display, r.code_text) as display,
    r.performer_type_code,
    coalesce(r.performer_display, r.performer_reference) as performer,
    r.reason_code,
    r.authored_on_at as ordered_at,
    r.occurrence_at as requested_for_at,
    r.occurrence_end_at as expires_at
from {{ source('lake', 'fhir__service_request') }} as r
left join numbers as n
    on {{ same_row('n', 'r') }}
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'r', 'ServiceRequest') }}
{{ join_code_map(ref('code_map_order_status'), 'status', 'r.source', 'r.status') }}
{{ join_code_map(ref('code_map_priority'), 'priority', 'r.source', 'r.priority') }}
{{ join_code_map(ref('code_map_order_category'), 'category', 'r.source', 'r.category_code') }}
{{ join_code_map(ref('code_map_order_category'), 'service', 'r.source', 'r.code') }}

-- Grain: one row per statement of a feed about a referral, in one shape for messages and resources.
select
    f.source_system,
    f.source_ref,
    f.recorded_at,
    f.statement_order,
    f.feed,
    f.referral_key,
    f.patient_key,
    f.order_key,
    f.originating_id,
    f.specialty,
    f.reason_code,
    f.priority,
    f.status_code as status_source,
    f.referring_practitioner_key,
    f.referring_name as referring_practitioner_name,
    f.referring_organization as referring_organization_name,
    f.referred_to,
    f.docs_state,
    f.auth_status,
    case
        -- Only a new referral (I12) is a receipt: by a change or cancel (I13, I14), one that is older than
        -- the feed would be as young as its last change.
        when f.event_type = 'referral_created' then coalesce(f.effective_at, f.message_at)
    end as received_at,
    f.expires_at
from {{ ref('int__referral_message') }} as f
union all
select
    r.source_system,
    r.source_ref,
    r.recorded_at,
    r.statement_order,
    {{ fhir_feed('r.source_system') }} as feed,
    r.referral_key,
    r.patient_key,
    r.order_key,
    r.referral_id as originating_id,
    r.code as specialty,
    r.reason_code,
    r.priority,
    r.status_code as status_source,
    d.practitioner_key as referring_practitioner_key,
    coalesce(nullif(d.display_name, ''), r.requester_name) as referring_practitioner_name,
    r.requester_organization as referring_organization_name,
    coalesce(r.performer, r.performer_type_code) as referred_to,
    {{ null_columns(['docs_state', 'auth_status']) }},
    r.ordered_at as received_at,
    r.expires_at
from {{ ref('int__referral_request') }} as r
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = r.source_system and d.resource_id = r.requester_resource_id

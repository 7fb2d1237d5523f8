-- Grain: one row per statement of a feed about a referral, in one shape for messages and resources.
select
    f.source_system,
    f.source_ref,
    f.recorded_at,
    f.statement_order,
    f.feed,
    {{ key('referral', ['f.referral_authority', 'f.originating_id']) }} as referral_key,
    p.patient_key,
    case
        when f.external_id is not null
            then {{ placer_order_key('f.external_authority', 'f.external_id') }}
    end as order_key,
    f.originating_id,
    f.specialty,
    f.reason_code,
    f.priority,
    f.status_code as status_source,
    f.referring_practitioner_key,
    f.referred_to,
    case
        -- Only a new referral (I12) is a receipt: by a change or cancel (I13, I14), one that is older than
        -- the feed would be as young as its last change.
        when f.event_type = 'referral_created' then coalesce(f.effective_at, f.message_at)
    end as received_at,
    f.expires_at
from {{ ref('stg_hl7v2__referral') }} as f
left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('f', 'p') }}
union all
select
    r.source_system,
    r.source_ref,
    r.recorded_at,
    r.statement_order,
    'fhir' as feed,
    r.referral_key,
    r.patient_key,
    r.order_key,
    r.referral_id as originating_id,
    r.code as specialty,
    r.reason_code,
    r.priority,
    r.status_code as status_source,
    d.practitioner_key as referring_practitioner_key,
    coalesce(r.performer, r.performer_type_code) as referred_to,
    r.ordered_at as received_at,
    r.expires_at
from {{ ref('int__referral_request') }} as r
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = r.source_system and d.resource_id = r.requester_resource_id

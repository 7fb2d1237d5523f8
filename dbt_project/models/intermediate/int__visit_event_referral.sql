-- Grain: one row per event that a source states about a referral: a REF message, a version of the
-- request, or a version of the task that follows it.
with requests as (
    select
        r.*,
        lag(r.status_code) over version_history as status_before,
        row_number() over version_history as version_number
    from {{ ref('stg_fhir__service_request') }} as r
    where r.is_referral
    window version_history as (partition by r.source_system, r.resource_id order by r.version_order)
),

tasks as (
    select
        *,
        lag(referral_state) over (
            partition by source_system, resource_id order by version_order
        ) as state_before
    from {{ ref('stg_fhir__task') }}
    where
        referral_state is not null
        and referral_state <> 'unmapped'
        and service_request_resource_id is not null
),

events as (
    select
        source_system || '|' || content_sha256 || '|referral' as event_seed,
        {{ key('referral', ['referral_authority', 'originating_id']) }} as referral_key,
        case
            -- The trigger of a cancel (I14) is plain, whatever RF1-1 still carries from before.
            when event_type = 'referral_cancelled' then event_type
            when referral_state is null or referral_state = 'unmapped' then event_type
            -- A change (I13) that still says "pending" would put an accepted referral back to its beginning.
            when referral_state = 'created' and event_type <> 'referral_created' then 'referral_modified'
            else 'referral_' || referral_state
        end as event_type,
        coalesce(process_at, recorded_at) as occurred_at,
        recorded_at,
        true as is_time_stated,
        message_type || '^' || trigger_event as source_trigger,
        control_id,
        feed,
        source_system,
        source_ref
    from {{ ref('stg_hl7v2__referral') }}
    where event_type is not null
    union all
    select
        r.source_system || '|ServiceRequest|' || r.resource_id || '|' || r.content_sha256 as event_seed,
        i.referral_key,
        case when r.version_number = 1 then 'referral_created' else s.event_type end as event_type,
        case
            when r.version_number = 1 then coalesce(r.ordered_at, r.recorded_at)
            else r.recorded_at
        end as occurred_at,
        r.recorded_at,
        r.version_number = 1 and r.ordered_at is not null as is_time_stated,
        'ServiceRequest.status' as source_trigger,
        {{ null_columns(['control_id']) }},
        'fhir' as feed,
        r.source_system,
        r.source_ref
    from requests as r
    inner join {{ ref('int__referral_request') }} as i
        on i.source_system = r.source_system and i.resource_id = r.resource_id
    left join {{ ref('status_event') }} as s
        on s.resource_type = 'ServiceRequest' and s.status = r.status_code
    where
        r.version_number = 1
        -- Where a task follows the request, its states are finer than the status of the request.
        or (
            r.status_before <> r.status_code
            and s.event_type is not null
            and not exists (
                select 1
                from tasks as t
                where
                    t.source_system = r.source_system
                    and t.service_request_resource_id = r.resource_id
            )
        )
    union all
    select
        t.source_system || '|Task|' || t.resource_id || '|' || t.content_sha256 as event_seed,
        i.referral_key,
        'referral_' || t.referral_state as event_type,
        coalesce(t.last_touched_at, t.recorded_at) as occurred_at,
        t.recorded_at,
        t.last_touched_at is not null as is_time_stated,
        'Task.businessStatus' as source_trigger,
        {{ null_columns(['control_id']) }},
        'fhir' as feed,
        t.source_system,
        t.source_ref
    from tasks as t
    inner join {{ ref('int__referral_request') }} as i
        on i.source_system = t.source_system and i.resource_id = t.service_request_resource_id
    where t.state_before is null or t.state_before <> t.referral_state
)

select
    event_seed,
    referral_key,
    {{ null_columns([
        'visit_key', 'patient_key', 'bed_key', 'location_key', 'exact_location_key', 'order_key',
    ]) }},
    event_type,
    occurred_at,
    recorded_at,
    {{ null_columns(['scheduled_start_at']) }},
    'explicit' as confidence,
    is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at']) }},
    source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
from events

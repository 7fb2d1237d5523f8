-- Grain: one row per event that a source states about a referral: a REF message, a version of the
-- request, or a version of the task that follows it.
with requests as (
    select
        r.*,
        lag(r.status_code) over version_history as status_before,
        row_number() over version_history as version_number
    from {{ ref('stg_fhir__service_request') }} as r
    where r.is_referral
    window version_history as (partition by r.source_system, r.resource_id order by r.statement_order)
),

tasks as (
    select
        *,
        lag(referral_state) over (
            partition by source_system, resource_id order by statement_order
        ) as state_before
    from {{ ref('stg_fhir__task') }}
    where
        referral_state is not null
        and referral_state <> 'unmapped'
        and service_request_resource_id is not null
),

request_events as (
    -- The first version that we have is no receipt: it states one if it says when the request was made, or if
    -- the request is still open.
    select
        *,
        'created' as kind,
        'referral_created' as event_type,
        coalesce(ordered_at, recorded_at) as occurred_at,
        ordered_precision as stated_precision
    from requests
    where
        version_number = 1
        and coalesce(status_code, 'unknown') <> 'entered-in-error'
        and (ordered_at is not null or coalesce(status_code, 'unknown') not in ('completed', 'revoked'))
    union all
    -- The present status of the first version, and every change of it.
    select
        r.*,
        'status' as kind,
        s.event_type,
        r.recorded_at as occurred_at,
        {{ null_columns(['stated_precision']) }}
    from requests as r
    inner join {{ ref('status_event') }} as s
        on s.resource_type = 'ServiceRequest' and s.status = r.status_code
    where
        (r.status_before <> r.status_code or (r.version_number = 1 and r.status_code <> 'active'))
        -- Where a task follows the request, its states are finer than the status of the request, but what
        -- was withdrawn is over whatever the task says.
        and (
            r.status_code in ('revoked', 'entered-in-error')
            or not exists (
                select 1
                from tasks as t
                where
                    t.source_system = r.source_system
                    and t.service_request_resource_id = r.resource_id
            )
        )
),

events as (
    select
        source_system || '|' || content_sha256 || '|referral' as event_seed,
        referral_key,
        case
            -- The trigger of a cancel (I14) is plain, whatever RF1-1 still carries from before.
            when event_type = 'referral_cancelled' then event_type
            when referral_state is null or referral_state = 'unmapped' then event_type
            -- A change (I13) that still says "pending" would put an accepted referral back to its beginning.
            when referral_state = 'created' and event_type <> 'referral_created' then 'referral_modified'
            else 'referral_' || referral_state
        end as event_type,
        coalesce(process_at, recorded_at) as occurred_at,
        case
            when process_at is not null then process_precision when is_stamped then 'second'
        end as time_precision,
        recorded_at,
        statement_order,
        process_at is not null or is_stamped as is_time_stated,
        message_type || '^' || trigger_event as source_trigger,
        control_id,
        feed,
        source_system,
        source_ref
    from {{ ref('int__referral_message') }}
    where event_type is not null
    union all
    select
        r.source_system || '|ServiceRequest|' || r.resource_id || '|' || r.content_sha256
            -- Two events of one version have two ids; the first has the id that it always had.
            || case when r.kind = 'status' and r.version_number = 1 then '|status' else '' end as event_seed,
        i.referral_key,
        r.event_type,
        r.occurred_at,
        coalesce(r.stated_precision, case when r.is_stamped then 'second' end) as time_precision,
        r.recorded_at,
        r.statement_order,
        r.stated_precision is not null as is_time_stated,
        'ServiceRequest.status' as source_trigger,
        {{ null_columns(['control_id']) }},
        {{ fhir_feed('r.source_system') }} as feed,
        r.source_system,
        r.source_ref
    from request_events as r
    inner join {{ ref('int__referral_request') }} as i
        on i.source_system = r.source_system and i.resource_id = r.resource_id
    union all
    select
        t.source_system || '|Task|' || t.resource_id || '|' || t.content_sha256 as event_seed,
        i.referral_key,
        'referral_' || t.referral_state as event_type,
        coalesce(t.last_touched_at, t.recorded_at) as occurred_at,
        coalesce(t.last_touched_precision, case when t.is_stamped then 'second' end) as time_precision,
        t.recorded_at,
        t.statement_order,
        t.last_touched_at is not null as is_time_stated,
        'Task.businessStatus' as source_trigger,
        {{ null_columns(['control_id']) }},
        {{ fhir_feed('t.source_system') }} as feed,
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
    time_precision,
    recorded_at,
    statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    'explicit' as confidence,
    is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
from events

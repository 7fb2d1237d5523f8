-- Grain: one row per task_key.
with versions as (
    select
        *,
        -- Where the feed has no time of its own for a step, the version that states it first has.
        coalesce(last_touched_at, recorded_at) as touched_at
    from {{ ref('stg_fhir__task') }}
),

histories as (
    select
        task_key,
        count(distinct content_sha256) as touch_count,
        min(case when status in ('accepted', 'in-progress') then touched_at end) as first_claimed_at,
        min(case when status = 'in-progress' then touched_at end) as first_in_progress_at
    from versions
    where touched_at is null or touched_at <= {{ as_of() }}
    group by task_key
),

tasks as (
    select
        t.*,
        h.touch_count,
        coalesce(t.started_at, h.first_in_progress_at) as begun_at,
        -- Who begins has taken it.
        least(h.first_claimed_at, coalesce(t.started_at, h.first_in_progress_at)) as claimed_at,
        t.status in (
            'draft', 'requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold'
        ) as is_open
    from versions as t
    left join histories as h on h.task_key = t.task_key
    where t.is_current
)

select
    t.task_key,
    -- Tasks for a referral often name the request alone, in which the patient is.
    coalesce(p.patient_key, r.patient_key) as patient_key,
    e.visit_key,
    case when r.referral_key is null then o.order_key end as order_key,
    r.referral_key,
    t.task_type,
    t.status,
    t.status_reason_code as status_reason,
    t.business_status,
    t.intent,
    t.priority,
    t.owner_reference,
    t.owner_type,
    coalesce(w.practitioner_key, g.practitioner_key) as owner_key,
    case
        when t.is_open and t.status <> 'draft' and q.waits_elsewhere is null
            then {{ key('queue', ["'task'", "''", 't.task_type']) }}
    end as queue_key,
    t.created_at,
    t.due_at,
    t.claimed_at as first_claimed_at,
    t.begun_at as started_at,
    case when t.status = 'completed' then coalesce(t.completed_at, t.last_touched_at) end as completed_at,
    coalesce(t.last_touched_at, t.recorded_at) as last_touched_at,
    coalesce(t.touch_count, 1) as touch_count,
    coalesce(t.is_open and t.due_at < {{ as_of() }}, false) as is_overdue,
    case
        when t.is_open and t.created_at <= {{ as_of() }} then {{ minutes_between('t.created_at', as_of()) }}
    end as age_minutes,
    t.origin,
    t.source_system,
    t.source_ref,
    t.recorded_at,
    {{ flags([
        ['unmapped_type', "t.task_type = 'unmapped'"],
        ['unknown_type', "t.task_type = 'unknown'"],
        ['no_due_time', 't.due_at is null'],
        ['in_future', 'coalesce(t.last_touched_at, t.recorded_at) > ' ~ as_of()],
    ]) }} as quality_flags
from tasks as t
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = t.source_system and p.resource_id = t.patient_resource_id
left join {{ ref('int__fhir_encounter') }} as e
    on e.source_system = t.source_system and e.resource_id = t.encounter_resource_id
left join {{ ref('int__referral_request') }} as r
    on r.source_system = t.source_system and r.resource_id = t.service_request_resource_id
left join {{ ref('int__fhir_order') }} as o
    on o.source_system = t.source_system and o.resource_id = t.service_request_resource_id
left join {{ ref('stg_fhir__practitioner') }} as w
    on w.source_system = t.source_system and w.resource_id = t.owner_practitioner_id
left join {{ ref('stg_fhir__practitioner_role') }} as l
    on l.source_system = t.source_system and l.resource_id = t.owner_practitioner_role_id
left join {{ ref('stg_fhir__practitioner') }} as g
    on g.source_system = l.source_system and g.resource_id = l.practitioner_resource_id
left join {{ ref('task_queue') }} as q on q.task_type = t.task_type

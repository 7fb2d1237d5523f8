{{ config(materialized='ephemeral') }}
-- Grain: one row per task: whether it is open, with the facts by which the suppressions are decided.
--
-- A task is late once it is past its due time; one without a due time, once nobody has touched it for 7 days.
{% set criteria = [
    (
        'is_open',
        "t.status in ('draft', 'requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold')",
    ),
] %}
with timed_tasks as (
    select
        *,
        coalesce(last_touched_at, created_at) as touched_at,
        {{ minutes_between('coalesce(last_touched_at, created_at)', as_of()) }} as idle_minutes,
        7 * 1440 as idle_limit,
        {{ minutes_between('due_at', as_of()) }} as overdue_minutes
    from {{ ref('canonical__task') }}
)

select
    t.task_key,
    t.task_key as subject_key,
    t.patient_key,
    t.visit_key,
    t.referral_key,
    {{ null_columns(['bed_key']) }},
    t.task_type,
    t.status,
    t.priority,
    t.owner_key,
    t.owner_type,
    t.due_at,
    t.first_claimed_at,
    t.touched_at,
    t.due_at is null as is_idle,
    case when t.due_at is null then t.idle_minutes - t.idle_limit else t.overdue_minutes end
        as breach_minutes,
    {{ minutes_between('t.created_at', as_of()) }} as age_minutes,
    q.waits_elsewhere is not null as is_on_another_list,
    p.record_status as patient_status,
    p.is_deceased as is_patient_deceased,
    t.source_ref,
    {{ criteria_hold(criteria) }} as is_candidate,
    {{ failed_criteria(criteria) }} as failed_criteria,
    {{ facts([
        ('kind', 't.task_type'),
        ('status', 't.status'),
        ('due_on', local_date('t.due_at')),
        ('untouched_since', local_date('t.touched_at')),
        ('waits_as', 'q.waits_elsewhere'),
        ('patient', "coalesce(p.record_status, 'unknown')"),
    ]) }} as facts
from timed_tasks as t
left join {{ ref('canonical__patient') }} as p on p.patient_key = t.patient_key
left join {{ ref('task_queue') }} as q on q.task_type = t.task_type

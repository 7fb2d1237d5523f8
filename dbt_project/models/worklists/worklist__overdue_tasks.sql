-- Grain: one row per open task that is late. For team leads: whose work lies, latest first.
with late_tasks as (
    select
        {{ uuid5("'overdue_tasks|' || t.task_key") }} as row_id,
        t.*,
        -- 1440 minutes are a day.
        cast(floor(t.breach_minutes / cast(1440 as double)) as bigint) as days_late,
        nullif(concat_ws(', ', p.family_name, p.given_names), '') as patient_name,
        p.mrn,
        case
            when d.display_name is not null then d.display_name
            -- A team or an organisation has no name in the store.
            when t.owner_type is not null then 'owner without a name (' || lower(t.owner_type) || ')'
            else 'nobody'
        end as owner
    from {{ ref('int__overdue_tasks_candidate') }} as t
    left join {{ ref('canonical__patient') }} as p on p.patient_key = t.patient_key
    left join {{ ref('canonical__practitioner') }} as d on d.practitioner_key = t.owner_key
    where t.suppressed_by is null
)

select
    row_id,
    row_number() over (order by breach_minutes desc, row_id) as rank,
    task_type,
    status,
    coalesce(lower(priority), 'routine') as priority,
    owner,
    patient_name,
    mrn,
    due_at,
    days_late,
    case
        when is_patient_deceased then 'Close: the patient has died'
        when first_claimed_at is null and status <> 'in-progress' then 'Give it to somebody'
        when status = 'on-hold' then 'Find out what it waits for'
        else 'Ask the owner'
    end as next_action,
    case
        when is_idle then 'No due time; untouched since ' || {{ local_day_words('touched_at') }}
        else 'Due on ' || {{ local_day_words('due_at') }} || ' ' || {{ local_time('due_at') }}
    end
    || coalesce('; open for ' || cast(cast(floor(age_minutes / cast(1440 as double)) as bigint) as string)
        || ' days', '')
    || '; with ' || owner as reason,
    {{ data_as_of('worklist__overdue_tasks') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    task_key,
    patient_key,
    source_ref
from late_tasks

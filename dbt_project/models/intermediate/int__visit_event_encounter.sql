-- Grain: one row per event that an Encounter states: by its status and class history where it has
-- one, else by the changes of status between its versions; and by its locations.
with versions as (
    select
        *,
        lag(status) over version_history as status_before,
        lag(class_group) over version_history as class_before,
        row_number() over version_history as version_number
    from {{ ref('stg_fhir__encounter') }}
    window version_history as (partition by source_system, resource_id order by statement_order)
),

history as (
    select
        *,
        lag(status) over status_history as status_before,
        row_number() over (
            partition by source_system, resource_id order by period_start_at desc, ordinal desc
        ) as rank_from_end
    from {{ ref('stg_fhir__encounter_status_history') }}
    where period_start_at is not null
    window status_history as (partition by source_system, resource_id order by period_start_at, ordinal)
),

history_starts as (
    select
        source_system,
        resource_id,
        min(period_start_at) as first_at
    from history
    group by source_system, resource_id
),

inpatient_starts as (
    select
        source_system,
        resource_id,
        min(period_start_at) as inpatient_at
    from {{ ref('stg_fhir__encounter_class_history') }}
    where class_group = 'inpatient'
    group by source_system, resource_id
),

current_versions as (
    select
        v.*,
        h.first_at as history_at,
        case
            when i.inpatient_at is null and v.class_group = 'inpatient' then v.period_start_at
            else i.inpatient_at
        end as inpatient_at
    from versions as v
    left join history_starts as h on h.source_system = v.source_system and h.resource_id = v.resource_id
    left join inpatient_starts as i on i.source_system = v.source_system and i.resource_id = v.resource_id
    where v.is_current
),

statuses as (
    -- Stated by the status history.
    select
        v.source_system,
        v.resource_id,
        h.status,
        h.status_before,
        -- `in-progress` means roomed to an outpatient and admitted to an inpatient: the class at that time
        -- decides, not the present one.
        case when h.period_start_at >= v.inpatient_at then 'inpatient' else 'other' end as class_group,
        h.period_start_at as occurred_at,
        h.period_start_precision as stated_precision,
        true as is_time_stated,
        v.source_ref,
        v.recorded_at,
        v.statement_order,
        v.is_stamped,
        v.version_id
    from current_versions as v
    inner join history as h
        on h.source_system = v.source_system and h.resource_id = v.resource_id
    union all
    -- The history says what was, the present status what is: where the last of the history is another one,
    -- the present one came after it.
    select
        v.source_system,
        v.resource_id,
        v.status,
        h.status as status_before,
        v.class_group,
        case
            when v.status = 'finished' then coalesce(v.period_end_at, h.period_end_at, v.recorded_at)
            else coalesce(h.period_end_at, v.recorded_at)
        end as occurred_at,
        case when v.status = 'finished' then v.period_end_precision end as stated_precision,
        -- Any other time here is that of the export: a state that is illegal then may only be out of order.
        h.period_end_at is not null or (v.status = 'finished' and v.period_end_at is not null)
            as is_time_stated,
        v.source_ref,
        v.recorded_at,
        v.statement_order,
        v.is_stamped,
        v.version_id
    from current_versions as v
    inner join history as h
        on h.source_system = v.source_system and h.resource_id = v.resource_id and h.rank_from_end = 1
    where h.status <> v.status
    union all
    -- The class changed while the status did not.
    select
        source_system,
        resource_id,
        'in-progress' as status,
        {{ null_columns(['status_before']) }},
        'inpatient' as class_group,
        inpatient_at as occurred_at,
        'second' as stated_precision,
        true as is_time_stated,
        source_ref,
        recorded_at,
        statement_order,
        is_stamped,
        version_id
    from current_versions
    where history_at is not null and inpatient_at > history_at
    union all
    -- No history: the change between two versions.
    select
        v.source_system,
        v.resource_id,
        v.status,
        v.status_before,
        v.class_group,
        case
            when v.status = 'finished' then coalesce(v.period_end_at, v.recorded_at)
            when v.version_number = 1 and v.status in ('arrived', 'triaged', 'in-progress', 'onleave')
                then coalesce(v.period_start_at, v.recorded_at)
            else v.recorded_at
        end as occurred_at,
        case
            when v.status = 'finished' then v.period_end_precision
            when v.version_number = 1 and v.status in ('arrived', 'triaged', 'in-progress', 'onleave')
                then v.period_start_precision
        end as stated_precision,
        (v.status = 'finished' and v.period_end_at is not null)
        or (
            v.version_number = 1
            and v.status in ('arrived', 'in-progress')
            and v.period_start_at is not null
        ) as is_time_stated,
        v.source_ref,
        v.recorded_at,
        v.statement_order,
        v.is_stamped,
        v.version_id
    from versions as v
    inner join current_versions as c
        on c.source_system = v.source_system
        and c.resource_id = v.resource_id
        and c.history_at is null
    where
        v.version_number = 1
        or v.status_before <> v.status
        or (v.status = 'in-progress' and v.class_before <> v.class_group)
    union all
    -- No history and ended when first seen: it began when its period says.
    select
        v.source_system,
        v.resource_id,
        case when v.class_group = 'inpatient' then 'in-progress' else 'arrived' end as status,
        {{ null_columns(['status_before']) }},
        v.class_group,
        v.period_start_at as occurred_at,
        v.period_start_precision as stated_precision,
        true as is_time_stated,
        v.source_ref,
        v.recorded_at,
        v.statement_order,
        v.is_stamped,
        v.version_id
    from current_versions as c
    inner join versions as v
        on v.source_system = c.source_system
        and v.resource_id = c.resource_id
        and v.version_number = 1
    where c.history_at is null and v.status = 'finished' and v.period_start_at is not null
),

statements as (
    select
        s.source_system,
        s.resource_id,
        coalesce(e_before.event_type, e.event_type) as event_type,
        s.occurred_at,
        coalesce(s.stated_precision, case when s.is_stamped then 'second' end) as time_precision,
        s.is_time_stated,
        'explicit' as confidence,
        'Encounter.' || s.status as source_trigger,
        s.source_ref,
        s.recorded_at,
        s.statement_order,
        s.version_id,
        {{ null_columns(['location_resource_id']) }}
    from statuses as s
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = s.source_system and i.resource_id = s.resource_id
    left join {{ ref('status_event') }} as e
        on e.resource_type = 'Encounter'
        and e.status = s.status
        and e.class_group in ('*', s.class_group)
        and e.status_before = '*'
    left join {{ ref('status_event') }} as e_before
        on e_before.resource_type = 'Encounter'
        and e_before.status = s.status
        and e_before.class_group in ('*', s.class_group)
        and e_before.status_before = s.status_before
    left join {{ ref('int__encounter_going_on') }} as g
        on g.source_system = s.source_system and g.resource_id = s.resource_id
    where
        -- A part says where the patient was, not how the visit stands.
        not i.is_part
        and e.event_type is not null
        -- One of several encounters under a number ends; the visit ends with the last of them.
        and (e.event_type <> 'departed' or g.resource_id is null)
    union all
    select
        source_system,
        resource_id,
        event_type,
        occurred_at,
        time_precision,
        is_time_stated,
        confidence,
        'Encounter.location' as source_trigger,
        source_ref,
        recorded_at,
        statement_order,
        {{ null_columns(['version_id']) }},
        location_resource_id
    from {{ ref('int__encounter_place') }}
),

events as (
    select
        s.*,
        i.visit_key,
        i.patient_key,
        l.bed_key,
        l.unit_location_key,
        l.location_key as exact_location_key,
        c.period_start_at,
        t.cancels
    from statements as s
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = s.source_system and i.resource_id = s.resource_id
    inner join current_versions as c
        on c.source_system = s.source_system and c.resource_id = s.resource_id
    left join {{ ref('int__fhir_location') }} as l
        on l.source_system = s.source_system and l.resource_id = s.location_resource_id
    -- What a status takes back is what the message of the same event takes back.
    left join (
        select
            event_type,
            min(cancels) as cancels
        from {{ ref('trigger_event') }}
        where effect = 'cancel'
        group by event_type
    ) as t on t.event_type = s.event_type
)

select
    source_system
        || '|Encounter|' || resource_id
        || '|' || event_type
        || '|' || coalesce(exact_location_key, '')
        || '|' || {{ time_text('occurred_at') }} as event_seed,
    visit_key,
    patient_key,
    bed_key,
    unit_location_key as location_key,
    exact_location_key,
    {{ null_columns(['referral_key', 'order_key']) }},
    event_type,
    occurred_at,
    time_precision,
    recorded_at,
    statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    confidence,
    is_time_stated,
    cancels,
    {{ null_columns(['cancelled_at']) }},
    period_start_at as begins_at,
    source_trigger,
    version_id as control_id,
    {{ fhir_feed('source_system') }} as feed,
    source_system,
    source_ref
-- Every version repeats its history: what is stated again keeps the line that stated it first, so that a
-- trace leads to the delivery that brought it.
from {{ first_ranked(
    'events',
    'source_system, resource_id, event_type, exact_location_key, occurred_at',
    'statement_order, source_ref'
) }}

-- Grain: one row per event that an Encounter tells: by its status and class history where it has
-- one, else by the changes of status between its versions; and by its places.
with versions as (
    select
        e.*,
        lag(status) over (partition by source_system, resource_id order by version_order) as status_before,
        lag(class_group) over (partition by source_system, resource_id order by version_order) as class_before,
        row_number() over (partition by source_system, resource_id order by version_order) as version_number
    from {{ ref('stg_fhir__encounter') }} as e
),

histories as (
    select source_system, resource_id, min(period_start_at) as first_at
    from {{ ref('stg_fhir__encounter_status_history') }}
    group by source_system, resource_id
),

inpatient_since as (
    select source_system, resource_id, min(period_start_at) as inpatient_at
    from {{ ref('stg_fhir__encounter_class_history') }}
    where class_group = 'inpatient'
    group by source_system, resource_id
),

current_versions as (
    select
        v.*,
        h.first_at as history_at,
        case when i.inpatient_at is null and v.class_group = 'inpatient' then v.period_start_at else i.inpatient_at end as inpatient_at
    from versions as v
    left join histories as h on h.source_system = v.source_system and h.resource_id = v.resource_id
    left join inpatient_since as i on i.source_system = v.source_system and i.resource_id = v.resource_id
    where v.is_current
),

statuses as (
    -- Told by the status history.
    select
        v.source_system,
        v.resource_id,
        h.status,
        case when h.period_start_at >= v.inpatient_at then 'inpatient' else 'other' end as class_group,
        h.period_start_at as told_at,
        true as is_time_told,
        v.source_ref,
        v.recorded_at,
        v.version_id
    from current_versions as v
    inner join {{ ref('stg_fhir__encounter_status_history') }} as h
        on h.source_system = v.source_system and h.resource_id = v.resource_id
    union all
    -- The present status, which the history may leave out.
    select
        v.source_system,
        v.resource_id,
        v.status,
        v.class_group,
        case when v.status = 'finished' then coalesce(v.period_end_at, v.recorded_at) else v.recorded_at end as told_at,
        v.status = 'finished' and v.period_end_at is not null as is_time_told,
        v.source_ref,
        v.recorded_at,
        v.version_id
    from current_versions as v
    where
        v.history_at is not null
        and not exists (
            select 1
            from {{ ref('stg_fhir__encounter_status_history') }} as h
            where h.source_system = v.source_system and h.resource_id = v.resource_id and h.status = v.status
        )
    union all
    -- The class changed while the status did not.
    select
        v.source_system,
        v.resource_id,
        'in-progress' as status,
        'inpatient' as class_group,
        v.inpatient_at as told_at,
        true as is_time_told,
        v.source_ref,
        v.recorded_at,
        v.version_id
    from current_versions as v
    where v.history_at is not null and v.inpatient_at > v.history_at
    union all
    -- No history: the change between two versions.
    select
        v.source_system,
        v.resource_id,
        v.status,
        v.class_group,
        case
            when v.status = 'finished' then coalesce(v.period_end_at, v.recorded_at)
            when v.version_number = 1 and v.status in ('arrived', 'triaged', 'in-progress', 'onleave') then coalesce(v.period_start_at, v.recorded_at)
            else v.recorded_at
        end as told_at,
        (v.status = 'finished' and v.period_end_at is not null)
            or (v.version_number = 1 and v.status in ('arrived', 'in-progress') and v.period_start_at is not null) as is_time_told,
        v.source_ref,
        v.recorded_at,
        v.version_id
    from versions as v
    inner join current_versions as c
        on c.source_system = v.source_system and c.resource_id = v.resource_id and c.history_at is null
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
        v.class_group,
        v.period_start_at as told_at,
        true as is_time_told,
        v.source_ref,
        v.recorded_at,
        v.version_id
    from current_versions as c
    inner join versions as v
        on v.source_system = c.source_system and v.resource_id = c.resource_id and v.version_number = 1
    where c.history_at is null and v.status = 'finished' and v.period_start_at is not null
),

told as (
    select
        s.source_system,
        s.resource_id,
        e.event_type,
        s.told_at,
        s.is_time_told,
        'Encounter.' || s.status as source_trigger,
        s.source_ref,
        s.recorded_at,
        s.version_id,
        cast(null as varchar) as location_resource_id
    from statuses as s
    inner join {{ ref('status_event') }} as e
        on e.resource_type = 'Encounter' and e.status = s.status and e.class_group in ('*', s.class_group)
    union all
    select
        l.source_system,
        l.resource_id,
        'transfer' as event_type,
        l.period_start_at as told_at,
        true as is_time_told,
        'Encounter.location' as source_trigger,
        l.source_ref,
        l.recorded_at,
        cast(null as varchar) as version_id,
        l.location_resource_id
    from {{ ref('stg_fhir__encounter_location') }} as l
    where l.period_start_at is not null and coalesce(l.status, 'active') in ('active', 'completed')
)

select
    seed as event_seed,
    visit_key,
    patient_key,
    bed_key,
    location_key,
    place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    event_type,
    told_at as occurred_at,
    recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    'explicit' as confidence,
    is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    source_trigger,
    version_id as control_id,
    'fhir' as feed,
    source_system,
    source_ref
from (
    select
        t.*,
        i.visit_key,
        i.patient_key,
        l.bed_key,
        l.unit_location_key as location_key,
        l.location_key as place_key,
        t.source_system || '|Encounter|' || t.resource_id || '|' || t.event_type || '|' || coalesce(l.location_key, '') || '|' || {{ time_text('t.told_at') }} as seed,
        row_number() over (
            partition by t.source_system, t.resource_id, t.event_type, l.location_key, t.told_at
            order by t.recorded_at nulls last, t.source_ref
        ) as telling
    from told as t
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = t.source_system and i.resource_id = t.resource_id
    left join {{ ref('int__fhir_location') }} as l
        on l.source_system = t.source_system and l.resource_id = t.location_resource_id
)
where telling = 1

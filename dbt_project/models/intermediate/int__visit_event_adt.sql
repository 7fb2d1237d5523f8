-- Grain: one row per event that an ADT message tells about a visit, and per event concluded from one;
-- A17 tells one for each patient. What may be concluded stands in the trigger table (effect `infer`).
with meant as (
    select
        v.*,
        m.visit_key,
        m.patient_key,
        coalesce(special.event_type, v.event_type) as meant_event_type,
        {{ location_key('v.location_facility', 'v.location_unit') }} as current_location_key,
        {{ location_key('v.pending_facility', 'v.pending_unit') }} as pending_location_key,
        {{ location_key('v.temporary_facility', 'v.temporary_unit') }} as temporary_location_key,
        {{ location_key('v.location_facility', 'v.location_code') }} as place_key,
        case when v.location_bed is not null then {{ bed_key('v.location_facility', 'v.location_code') }} end as current_bed_key,
        case when v.pending_bed is not null then {{ bed_key('v.pending_facility', 'v.pending_code') }} end as pending_bed_key
    from {{ ref('stg_hl7v2__visit') }} as v
    inner join {{ ref('int__message_visit') }} as m
        on m.source_system = v.source_system
        and m.received = v.received
        and m.message = v.message
        and m.patient_group = v.patient_group
    left join {{ ref('trigger_event') }} as special
        on special.message_type = v.message_type
        and special.trigger_event = v.trigger_event
        and special.condition = 'outpatient_in_room'
        and v.visit_class in ('AMB', 'EMER')
        and v.location_room is not null
    where v.feed = 'adt' and v.event_region = 'visit' and m.visit_key is not null
),

-- Whether the patient is in a place, and the unit and bed that a message named last.
placed as (
    select
        *,
        substr(max(case when location_effect in ('occupy', 'release') then statement_order || location_effect end) over earlier, 92) as effect_before,
        substr(max(case when names_place then statement_order || current_location_key end) over earlier, 92) as location_key_before,
        substr(max(case when names_place then statement_order || coalesce(current_bed_key, '') end) over earlier, 92) as bed_key_before
    from (
        select
            m.*,
            k.location_effect,
            m.current_location_key is not null and (k.location_effect = 'occupy' or m.effect = 'attributes') as names_place
        from meant as m
        inner join {{ ref('event_type') }} as k on k.event_type = m.meant_event_type
    )
    window earlier as (
        partition by visit_key order by statement_order rows between unbounded preceding and 1 preceding
    )
),

-- A message that names the unit alone does not differ from the bed in it that is known.
conditions as (
    select
        *,
        discharge_at is not null as is_discharge_told,
        effect_before = 'occupy'
            and current_location_key is not null
            and (
                location_key_before is null
                or location_key_before <> current_location_key
                or (current_bed_key is not null and coalesce(bed_key_before, '') <> current_bed_key)
            ) as is_elsewhere
    from placed
),

told as (
    select
        *,
        meant_event_type as told_event_type,
        'explicit' as confidence
    from conditions
    union all
    select
        c.*,
        t.event_type as told_event_type,
        'inferred' as confidence
    from conditions as c
    inner join {{ ref('trigger_event') }} as t
        on t.message_type = c.message_type
        and t.trigger_event = c.trigger_event
        and t.effect = 'infer'
        and (
            (t.condition = 'discharge_time' and c.is_discharge_told)
            or (t.condition = 'other_location' and c.is_elsewhere)
        )
)

select
    t.source_system || '|' || t.content_sha256 || '|' || cast(t.patient_group as varchar) || '|' || t.told_event_type as event_seed,
    t.visit_key,
    t.patient_key,
    case when e.location_effect in ('reserve', 'unreserve') then t.pending_bed_key else t.current_bed_key end as bed_key,
    case
        when e.location_effect in ('reserve', 'unreserve') then t.pending_location_key
        when t.told_event_type in ('location_in', 'location_out') then coalesce(t.temporary_location_key, t.current_location_key)
        else t.current_location_key
    end as location_key,
    t.place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    t.told_event_type as event_type,
    case
        when t.effect = 'cancel' then t.recorded_at
        when t.told_event_type = 'departed' then coalesce(t.discharge_at, t.occurred_at, t.recorded_at)
        when t.told_event_type = 'admitted' then coalesce(t.occurred_at, t.admit_at, t.recorded_at)
        else coalesce(t.occurred_at, t.recorded_at)
    end as occurred_at,
    t.recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    t.confidence,
    true as is_time_told,
    t.cancels,
    case when t.effect = 'cancel' then t.occurred_at end as cancelled_at,
    t.message_type || '^' || t.trigger_event as source_trigger,
    t.control_id,
    t.feed,
    t.source_system,
    t.source_ref
from told as t
inner join {{ ref('event_type') }} as e on e.event_type = t.told_event_type

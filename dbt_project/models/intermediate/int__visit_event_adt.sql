-- Grain: one row per event that an ADT message states about a visit, and per event inferred from one;
-- A17 states one for each patient. What may be inferred stands in the trigger table (effect `infer`).
with messages as (
    select
        v.source_system,
        v.source_ref,
        v.message_type,
        v.trigger_event,
        v.control_id,
        v.content_sha256,
        v.feed,
        v.patient_group,
        v.statement_order,
        v.recorded_at,
        v.occurred_at,
        v.occurred_precision,
        v.admit_at,
        v.admit_precision,
        v.began_at,
        v.discharge_at,
        v.discharge_precision,
        v.discharge_disposition,
        v.is_stamped,
        v.effect,
        v.cancels,
        m.visit_key,
        m.patient_key,
        coalesce(special.event_type, v.event_type) as stated_event_type,
        {{ location_key('v.location_facility', 'v.location_unit') }} as current_location_key,
        {{ location_key('v.pending_facility', 'v.pending_unit') }} as pending_location_key,
        {{ location_key('v.temporary_facility', 'v.temporary_unit') }} as temporary_location_key,
        {{ location_key('v.location_facility', 'v.location_code') }} as exact_location_key,
        case
            when v.location_bed is not null then {{ bed_key('v.location_facility', 'v.location_code') }}
        end as current_bed_key,
        case
            when v.pending_bed is not null then {{ bed_key('v.pending_facility', 'v.pending_code') }}
        end as pending_bed_key
    from {{ ref('stg_hl7v2__visit') }} as v
    inner join {{ ref('int__message_visit') }} as m on {{ same_patient_group('v', 'm') }}
    left join {{ ref('trigger_event') }} as special
        on special.message_type = v.message_type
        and special.trigger_event = v.trigger_event
        and special.effect = 'append'
        and case special.condition
            -- An outpatient or emergency patient who is moved (A02) into a room was roomed, not transferred.
            when 'outpatient_in_room' then v.visit_class in ('AMB', 'EMER') and v.location_room is not null
            -- On the way to a place to stay (PV1-42) and at none for a while (PV1-11): the old one is left.
            when 'in_transit' then v.pending_code is not null and v.temporary_unit is null
            when 'to_stay' then v.location_code is not null and v.temporary_unit is null
        end
    where v.feed = 'adt' and v.event_region = 'visit' and m.visit_key is not null
),

located as (
    select
        m.*,
        k.location_effect,
        m.current_location_key is not null
            and (k.location_effect = 'occupy' or m.effect = 'attributes') as names_location
    from messages as m
    inner join {{ ref('event_type') }} as k on k.event_type = m.stated_event_type
),

-- Whether the patient is in a location, and the unit and bed that a message named last.
followed as (
    select
        *,
        {{ latest_before(
            "case when location_effect in ('occupy', 'release') then location_effect end",
            'statement_order',
            'visit_key'
        ) }} as effect_before,
        {{ latest_before(
            'case when names_location then current_location_key end',
            'statement_order',
            'visit_key'
        ) }} as location_key_before,
        {{ latest_before(
            "case when names_location then coalesce(current_bed_key, '') end",
            'statement_order',
            'visit_key'
        ) }} as bed_key_before,
        -- What the beginning of the same kind before it said: stated again, it brings nobody back there.
        {{ latest_before(
            "case when stated_event_type in ('admitted', 'arrived') then stated_event_type end",
            'statement_order',
            'visit_key'
        ) }} as beginning_before,
        {{ latest_before(
            "case when stated_event_type = 'admitted' then coalesce(exact_location_key, '') end",
            'statement_order',
            'visit_key'
        ) }} as admission_location_before,
        {{ latest_before(
            "case when stated_event_type = 'arrived' then coalesce(exact_location_key, '') end",
            'statement_order',
            'visit_key'
        ) }} as arrival_location_before,
        {{ latest_before(
            "case when stated_event_type = 'arrived' then " ~ time_text('began_at') ~ " end",
            'statement_order',
            'visit_key'
        ) }} as arrival_before,
        {{ latest_before("coalesce(discharge_disposition, '')", 'statement_order', 'visit_key') }}
            as disposition_before
    from located
),

-- A message that names the unit alone does not differ from the bed in it that is known.
conditions as (
    select
        *,
        discharge_at is not null as has_discharge_time,
        -- A disposition that the first message has, or one that has been there, decides nothing.
        discharge_at is null and disposition_before <> discharge_disposition as has_new_disposition,
        effect_before = 'occupy'
            and current_location_key is not null
            and (
                location_key_before is null
                or location_key_before <> current_location_key
                or (current_bed_key is not null and coalesce(bed_key_before, '') <> current_bed_key)
            ) as is_elsewhere,
        coalesce(
            case stated_event_type
                when 'admitted'
                    then beginning_before = 'admitted' and admission_location_before <> exact_location_key
                when 'arrived'
                    then beginning_before is not null and arrival_location_before <> exact_location_key
            end,
            false
        ) as is_restated_elsewhere
    from followed
),

events as (
    select
        *,
        stated_event_type as event_type,
        'explicit' as confidence
    from conditions
    union all
    select
        c.*,
        t.event_type,
        'inferred' as confidence
    from conditions as c
    inner join {{ ref('trigger_event') }} as t
        on t.message_type = c.message_type
        and t.trigger_event = c.trigger_event
        and t.effect = 'infer'
        and (
            (t.condition = 'discharge_time' and c.has_discharge_time)
            or (t.condition = 'other_location' and c.is_elsewhere)
            or (
                t.condition = 'disposition'
                and c.has_new_disposition
                and c.discharge_disposition in (
                    select s.code
                    from {{ ref('step_event') }} as s
                    where s.element = 'disposition'
                )
            )
            or (t.condition = 'restated_elsewhere' and c.is_elsewhere and c.is_restated_elsewhere)
        )
)

select
    e.source_system
        || '|' || e.content_sha256
        || '|' || cast(e.patient_group as string)
        || '|' || e.event_type as event_seed,
    e.visit_key,
    e.patient_key,
    case
        -- A reservation is of the location that is still to come (PV1-42), not of where the patient is.
        when k.location_effect in ('reserve', 'unreserve') then e.pending_bed_key
        else e.current_bed_key
    end as bed_key,
    case
        when k.location_effect in ('reserve', 'unreserve') then e.pending_location_key
        when e.event_type in ('location_in', 'location_out')
            then coalesce(e.temporary_location_key, e.current_location_key)
        else e.current_location_key
    end as location_key,
    e.exact_location_key,
    {{ null_columns(['referral_key', 'order_key']) }},
    e.event_type,
    case
        -- EVN-6 of a cancel is the time of what it cancels: folded by it, the cancel would come before all
        -- that happened in between.
        when e.effect = 'cancel' then e.recorded_at
        -- PV1-45 first: a discharge is often entered hours after the patient has left.
        when e.event_type = 'departed' then coalesce(e.discharge_at, e.occurred_at, e.recorded_at)
        -- PV1-44 stays the same in all messages of the visit: who came by then as an outpatient was admitted
        -- later (A06, or A01 after A04).
        when e.event_type = 'admitted' and {{ time_text('e.began_at') }} <= e.arrival_before
            then coalesce(e.occurred_at, e.recorded_at)
        when e.event_type = 'admitted' then coalesce(e.occurred_at, e.admit_at, e.recorded_at)
        else coalesce(e.occurred_at, e.recorded_at)
    end as occurred_at,
    -- The precision of the same time; none where even the time of the message is inferred.
    coalesce(
        case
            when e.effect = 'cancel' then null
            when e.event_type = 'departed' and e.discharge_at is not null then e.discharge_precision
            when e.occurred_at is not null then e.occurred_precision
            when e.event_type = 'admitted' then e.admit_precision
        end,
        case when e.is_stamped then 'second' end
    ) as time_precision,
    e.recorded_at,
    e.statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    e.confidence,
    -- When it was decided nobody states, only that it had been by then.
    (e.is_stamped or e.occurred_at is not null) and e.event_type <> 'disposition_decided' as is_time_stated,
    e.cancels,
    case when e.effect = 'cancel' then e.occurred_at end as cancelled_at,
    case
        when e.event_type = 'departed' then coalesce(e.discharge_at, e.occurred_at)
        when e.event_type in ('admitted', 'arrived') then coalesce(e.began_at, e.occurred_at)
    end as begins_at,
    e.message_type || '^' || e.trigger_event as source_trigger,
    e.control_id,
    e.feed,
    e.source_system,
    e.source_ref
from events as e
inner join {{ ref('event_type') }} as k on k.event_type = e.event_type

-- Grain: one row per availability_key: a slot, a booking that no slot covers, or a time that a message
-- blocked or opened and that no slot covers.
with slot_actors as (
    select
        *,
        count(*) over (partition by source_system, resource_id) as actors
    from {{ ref('stg_fhir__schedule_actor') }}
),

slots as (
    select
        case
            -- The slot of two people is a row of each.
            when c.actors > 1
                then {{ key('slot', [
                    's.source_system', 's.resource_id', time_text('s.start_at'), 'p.practitioner_key'
                ]) }}
            else {{ key('slot', ['s.source_system', 's.resource_id', time_text('s.start_at')]) }}
        end as availability_key,
        s.resource_id,
        p.practitioner_key,
        l.unit_location_key as location_key,
        coalesce(s.service_type, d.service_type) as service_type,
        s.start_at,
        s.end_at,
        -- A slot without an end takes up the minute in which it starts.
        coalesce(s.end_at, {{ plus_minutes('s.start_at', 1) }}) as until_at,
        s.slot_status as stated_status,
        coalesce(s.is_overbooked, false) as is_stated_overbooked,
        s.source_system,
        s.source_ref,
        s.recorded_at
    from {{ ref('stg_fhir__slot') }} as s
    left join {{ ref('stg_fhir__schedule') }} as d
        on d.source_system = s.source_system and d.resource_id = s.schedule_resource_id
    left join slot_actors as c
        on c.source_system = s.source_system and c.resource_id = s.schedule_resource_id
    left join {{ ref('stg_fhir__practitioner') }} as p
        on p.source_system = c.source_system and p.resource_id = c.practitioner_resource_id
    left join {{ ref('int__fhir_location') }} as l
        on l.source_system = s.source_system
        and l.resource_id = coalesce(c.location_resource_id, d.location_resource_id)
    where s.start_at is not null and not s.is_left_out and not coalesce(d.is_left_out, false)
),

-- Whose time an appointment takes up: those it names, else those whose slots it names, else the one whose
-- visit it is.
taken_slots as (
    select
        r.visit_key,
        s.availability_key,
        s.practitioner_key
    from {{ ref('int__appointment_resource') }} as r
    inner join slots as s
        on s.source_system = r.slot_source_system and s.resource_id = r.slot_resource_id
    where r.kind = 'slot'
),

people as (
    select
        visit_key,
        practitioner_key,
        location_key,
        offset_minutes,
        duration_minutes,
        0 as people_rank
    from {{ ref('int__appointment_resource') }}
    where kind = 'practitioner'
    union all
    select distinct
        visit_key,
        practitioner_key,
        {{ null_columns(['location_key']) }},
        0 as offset_minutes,
        cast(null as bigint) as duration_minutes,
        1 as people_rank
    from taken_slots
    where practitioner_key is not null
    union all
    select
        visit_key,
        practitioner_key,
        {{ null_columns(['location_key']) }},
        0 as offset_minutes,
        cast(null as bigint) as duration_minutes,
        2 as people_rank
    from {{ ref('canonical__visit') }}
    where practitioner_key is not null
),

ranked_people as (
    select
        *,
        min(people_rank) over (partition by visit_key) as best_rank
    from people
),

appointments as (
    select distinct
        visit_key,
        appointment_key
    from {{ ref('int__appointment_patient') }}
),

bookings as (
    select
        v.visit_key,
        coalesce(k.appointment_key, v.visit_key) as appointment_key,
        r.practitioner_key,
        coalesce(r.location_key, v.location_key) as location_key,
        v.service_type,
        {{ plus_minutes('v.scheduled_start_at', 'r.offset_minutes') }} as scheduled_start_at,
        case
            when r.duration_minutes is not null
                then {{ plus_minutes('v.scheduled_start_at', 'r.offset_minutes + r.duration_minutes') }}
            else coalesce(
                v.scheduled_end_at,
                {{ plus_minutes('v.scheduled_start_at', 'v.duration_minutes') }}
            )
        end as scheduled_end_at,
        v.source_system,
        v.source_ref,
        v.recorded_at
    from {{ ref('canonical__visit') }} as v
    inner join ranked_people as r on r.visit_key = v.visit_key and r.people_rank = r.best_rank
    left join appointments as k on k.visit_key = v.visit_key
    where
        v.appointment_id is not null
        and v.scheduled_start_at is not null
        -- A booking on a day without a time takes up no slot that is known.
        and not {{ is_day_alone('v.scheduled_start_precision') }}
        -- One that took place still takes up its slot: freed afterwards, past days would look half empty.
        and v.appointment_status in ('booked', 'arrived', 'checked-in', 'fulfilled')
),

-- Times that scheduling messages blocked (S23) and opened (S24).
blocks as (
    select
        a.event_type,
        r.practitioner_key,
        {{ location_key('a.location_facility', 'a.location_unit') }} as location_key,
        a.service_type,
        coalesce(
            r.start_at, {{ plus_minutes('a.scheduled_start_at', 'coalesce(r.offset_minutes, 0)') }}
        ) as start_at,
        r.duration_minutes,
        a.scheduled_end_at,
        a.statement_order,
        a.source_system,
        a.source_ref,
        a.recorded_at
    from {{ ref('stg_hl7v2__appointment') }} as a
    inner join {{ ref('stg_hl7v2__appointment_resource') }} as r on {{ same_staged_message('a', 'r') }}
    where a.event_type in ('slot_blocked', 'slot_opened') and r.kind = 'practitioner'
        and not r.is_taken_away
),

statements as (
    select
        practitioner_key,
        location_key,
        service_type,
        start_at,
        coalesce(
            {{ plus_minutes('start_at', 'duration_minutes') }},
            scheduled_end_at,
            {{ plus_minutes('start_at', 1) }}
        ) as end_at,
        case event_type when 'slot_blocked' then 'busy-unavailable' else 'free' end as slot_status,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from blocks
    where practitioner_key is not null and start_at is not null
),

stated_slots as (
    select
        s.availability_key,
        {{ latest_by('t.slot_status', 't.statement_order') }} as slot_status
    from slots as s
    inner join statements as t
        on t.practitioner_key = s.practitioner_key
        and t.end_at > s.start_at
        -- Half a slot that is blocked is no free slot; half a slot that is opened is none either.
        and case
            when t.slot_status = 'free' then t.start_at <= s.start_at
            else t.start_at < s.until_at
        end
    group by s.availability_key
),

-- The last statement about a time that no slot covers is a row of its own.
times_without_slot as (
    select t.*
    from {{ first_ranked('statements', 'practitioner_key, start_at', 'statement_order desc') }} as t
    where
        not exists (
            select 1
            from slots as s
            where
                s.practitioner_key = t.practitioner_key
                and s.start_at < t.end_at
                and s.until_at > t.start_at
        )
),

-- The slots that a booking lies over. Where several begin before it or at one time, it takes the one that
-- it names, else the one that starts last.
bookings_in_slots as (
    select
        b.visit_key,
        b.appointment_key,
        b.practitioner_key,
        b.scheduled_start_at,
        s.availability_key,
        s.start_at,
        s.until_at,
        t.availability_key is not null as is_named,
        row_number() over (
            partition by
                b.visit_key,
                b.practitioner_key,
                b.scheduled_start_at,
                case when s.start_at > b.scheduled_start_at then s.start_at end
            order by
                case when t.availability_key is not null then 0 else 1 end,
                s.start_at desc,
                s.availability_key
        ) as slot_rank
    from bookings as b
    inner join slots as s
        on s.practitioner_key = b.practitioner_key
        and s.start_at < coalesce(b.scheduled_end_at, {{ plus_minutes('b.scheduled_start_at', 1) }})
        and s.until_at > b.scheduled_start_at
    left join taken_slots as t
        on t.visit_key = b.visit_key and t.availability_key = s.availability_key
),

slots_of_booking as (
    select distinct
        b.visit_key,
        b.appointment_key,
        b.practitioner_key,
        b.scheduled_start_at,
        b.availability_key
    from bookings_in_slots as b
    where
        b.is_named
        or (
            b.slot_rank = 1
            and not exists (
                select 1
                from bookings_in_slots as named
                where
                    named.is_named
                    and named.visit_key = b.visit_key
                    and named.practitioner_key = b.practitioner_key
                    and named.start_at < b.until_at
                    and named.until_at > b.start_at
            )
        )
),

booking_counts as (
    select
        availability_key,
        count(distinct visit_key) as booked_count,
        -- The patients of a group are one booking.
        count(distinct appointment_key) as appointment_count,
        {{ collect_set('visit_key') }} as visit_keys
    from slots_of_booking
    group by availability_key
),

booked_slots as (
    select
        s.*,
        coalesce(c.booked_count, 0) as booked_count,
        coalesce(c.appointment_count, 0) as appointment_count,
        coalesce(c.visit_keys, {{ empty_array() }}) as visit_keys,
        t.slot_status as message_status
    from slots as s
    left join booking_counts as c on c.availability_key = s.availability_key
    left join stated_slots as t on t.availability_key = s.availability_key
),

bookings_without_slot as (
    select
        b.*,
        {{ time_text('b.recorded_at') }} || b.source_ref as record_order
    from bookings as b
    left join slots_of_booking as s
        on s.visit_key = b.visit_key
        and s.practitioner_key = b.practitioner_key
        and s.scheduled_start_at = b.scheduled_start_at
    where s.visit_key is null
)

select
    availability_key,
    practitioner_key,
    location_key,
    service_type,
    start_at,
    end_at,
    {{ minutes_between('start_at', 'end_at') }} as duration_minutes,
    case
        -- Messages first, which come during the day; bookings next, which the slot of a nightly export may
        -- not know yet; the slot's own status last.
        when message_status = 'busy-unavailable' then 'busy-unavailable'
        when message_status = 'free' and booked_count = 0 then 'free'
        when booked_count > 0 and stated_status = 'free' then 'busy'
        else coalesce(stated_status, 'free')
    end as slot_status,
    is_stated_overbooked or appointment_count > 1 as is_overbooked,
    booked_count,
    visit_keys,
    source_system,
    source_ref,
    recorded_at,
    -- Counted and not corrected: the scheduler owns the slot, and has to learn
    -- that it disagrees with itself.
    {{ flags([
        ['slot_told_free', "stated_status = 'free' and booked_count > 0"],
        ['slot_told_busy', "stated_status = 'busy' and booked_count = 0"],
    ]) }} as quality_flags
from booked_slots
union all
select
    {{ key('slot', ["'message'", 'practitioner_key', time_text('start_at')]) }} as availability_key,
    practitioner_key,
    location_key,
    service_type,
    start_at,
    end_at,
    {{ minutes_between('start_at', 'end_at') }} as duration_minutes,
    slot_status,
    false as is_overbooked,
    0 as booked_count,
    {{ empty_array() }} as visit_keys,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['no_slot', 'true']]) }} as quality_flags
from times_without_slot
union all
select
    -- By provider and start: two patients at the same time without a slot are one row, overbooked.
    {{ key('booking', ['practitioner_key', time_text('scheduled_start_at')]) }} as availability_key,
    practitioner_key,
    {{ latest_by('location_key', 'visit_key') }} as location_key,
    {{ latest_by('service_type', 'visit_key') }} as service_type,
    scheduled_start_at as start_at,
    max(scheduled_end_at) as end_at,
    {{ minutes_between('scheduled_start_at', 'max(scheduled_end_at)') }} as duration_minutes,
    'busy' as slot_status,
    count(distinct appointment_key) > 1 as is_overbooked,
    count(distinct visit_key) as booked_count,
    {{ collect_set('visit_key') }} as visit_keys,
    {{ latest_by('source_system', 'record_order') }} as source_system,
    {{ latest_by('source_ref', 'record_order') }} as source_ref,
    max(recorded_at) as recorded_at,
    {{ flags([['no_slot', 'true']]) }} as quality_flags
from bookings_without_slot
group by practitioner_key, scheduled_start_at

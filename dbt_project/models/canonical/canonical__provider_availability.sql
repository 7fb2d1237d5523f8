-- Grain: one row per availability_key: a slot, a booking that no slot covers, or a time that a message
-- blocked or opened and that no slot covers.
with slots as (
    select
        {{ key('slot', ['s.source_system', 's.resource_id', time_text('s.start_at')]) }} as availability_key,
        p.practitioner_key,
        l.unit_location_key as location_key,
        coalesce(s.service_type, c.service_type) as service_type,
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
    left join {{ ref('stg_fhir__schedule') }} as c
        on c.source_system = s.source_system and c.resource_id = s.schedule_resource_id
    left join {{ ref('stg_fhir__practitioner') }} as p
        on p.source_system = c.source_system and p.resource_id = c.practitioner_resource_id
    left join {{ ref('int__fhir_location') }} as l
        on l.source_system = c.source_system and l.resource_id = c.location_resource_id
    where s.start_at is not null
),

bookings as (
    select
        visit_key,
        practitioner_key,
        location_key,
        service_type,
        scheduled_start_at,
        scheduled_end_at,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__visit') }}
    where
        appointment_id is not null
        and practitioner_key is not null
        and scheduled_start_at is not null
        -- One that took place still takes up its slot: freed afterwards, past days would look half empty.
        and appointment_status in ('booked', 'arrived', 'checked-in', 'fulfilled')
),

-- Times that scheduling messages blocked (S23) and opened (S24).
statements as (
    select
        practitioner_key,
        {{ location_key('location_facility', 'location_unit') }} as location_key,
        service_type,
        scheduled_start_at as start_at,
        coalesce(scheduled_end_at, {{ plus_minutes('scheduled_start_at', 1) }}) as end_at,
        case event_type when 'slot_blocked' then 'busy-unavailable' else 'free' end as slot_status,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('stg_hl7v2__appointment') }}
    where
        event_type in ('slot_blocked', 'slot_opened')
        and practitioner_key is not null
        and scheduled_start_at is not null
),

stated_slots as (
    select
        s.availability_key,
        {{ latest_by('t.slot_status', 't.statement_order') }} as slot_status
    from slots as s
    inner join statements as t
        on t.practitioner_key = s.practitioner_key
        and t.start_at <= s.start_at
        and t.end_at > s.start_at
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

bookings_in_slots as (
    select
        b.visit_key,
        s.availability_key,
        s.start_at
    from bookings as b
    inner join slots as s
        on s.practitioner_key = b.practitioner_key
        and s.start_at <= b.scheduled_start_at
        and s.until_at > b.scheduled_start_at
),

-- The slot that a booking falls into; where two slots overlap, the one that starts last.
slot_of_booking as (
    select
        visit_key,
        availability_key
    from {{ first_ranked('bookings_in_slots', 'visit_key', 'start_at desc, availability_key') }}
),

booking_counts as (
    select
        availability_key,
        count(*) as booked_count,
        {{ collect_set('visit_key') }} as visit_keys
    from slot_of_booking
    group by availability_key
),

booked_slots as (
    select
        s.*,
        coalesce(c.booked_count, 0) as booked_count,
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
    left join slot_of_booking as s on s.visit_key = b.visit_key
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
    is_stated_overbooked or booked_count > 1 as is_overbooked,
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
    count(*) > 1 as is_overbooked,
    count(*) as booked_count,
    {{ collect_set('visit_key') }} as visit_keys,
    {{ latest_by('source_system', 'record_order') }} as source_system,
    {{ latest_by('source_ref', 'record_order') }} as source_ref,
    max(recorded_at) as recorded_at,
    {{ flags([['no_slot', 'true']]) }} as quality_flags
from bookings_without_slot
group by practitioner_key, scheduled_start_at

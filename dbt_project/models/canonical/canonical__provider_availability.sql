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
        s.slot_status,
        coalesce(s.is_overbooked, false) as is_told_overbooked,
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
        and appointment_status in ('booked', 'arrived', 'checked-in', 'fulfilled')
),

-- Times that scheduling messages blocked (S23) and opened (S24); the latest word on a time counts.
told as (
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
        recorded_at,
        row_number() over (
            partition by practitioner_key, scheduled_start_at order by statement_order desc
        ) as telling
    from {{ ref('stg_hl7v2__appointment') }}
    where
        event_type in ('slot_blocked', 'slot_opened')
        and practitioner_key is not null
        and scheduled_start_at is not null
),

blocks as (
    select
        s.availability_key,
        {{ latest_by('t.slot_status', 't.statement_order') }} as slot_status
    from slots as s
    inner join told as t
        on t.practitioner_key = s.practitioner_key
        and t.start_at <= s.start_at
        and t.end_at > s.start_at
    group by s.availability_key
),

-- What no slot says stands for itself.
unslotted as (
    select t.*
    from told as t
    where
        t.telling = 1
        and not exists (
            select 1
            from slots as s
            where
                s.practitioner_key = t.practitioner_key
                and s.start_at < t.end_at
                and coalesce(s.end_at, {{ plus_minutes('s.start_at', 1) }}) > t.start_at
        )
),

-- The slot that a booking falls into; where two slots overlap, the one that starts last.
placed as (
    select visit_key, availability_key
    from (
        select
            b.visit_key,
            s.availability_key,
            row_number() over (partition by b.visit_key order by s.start_at desc, s.availability_key) as slot_rank
        from bookings as b
        inner join slots as s
            on s.practitioner_key = b.practitioner_key
            and s.start_at <= b.scheduled_start_at
            and coalesce(s.end_at, {{ plus_minutes('s.start_at', 1) }}) > b.scheduled_start_at
    )
    where slot_rank = 1
),

counts as (
    select
        availability_key,
        count(*) as booked_count,
        {{ collect_set('visit_key') }} as visit_keys
    from placed
    group by availability_key
)

select
    s.availability_key,
    s.practitioner_key,
    s.location_key,
    s.service_type,
    s.start_at,
    s.end_at,
    {{ minutes_between('s.start_at', 's.end_at') }} as duration_minutes,
    case
        when k.slot_status = 'busy-unavailable' then 'busy-unavailable'
        when k.slot_status = 'free' and coalesce(c.booked_count, 0) = 0 then 'free'
        when coalesce(c.booked_count, 0) > 0 and s.slot_status = 'free' then 'busy'
        else coalesce(s.slot_status, 'free')
    end as slot_status,
    s.is_told_overbooked or coalesce(c.booked_count, 0) > 1 as is_overbooked,
    coalesce(c.booked_count, 0) as booked_count,
    coalesce(c.visit_keys, {{ empty_array() }}) as visit_keys,
    s.source_system,
    s.source_ref,
    s.recorded_at,
    {{ flags([
        ['slot_told_free', "s.slot_status = 'free' and coalesce(c.booked_count, 0) > 0"],
        ['slot_told_busy', "s.slot_status = 'busy' and coalesce(c.booked_count, 0) = 0"],
    ]) }} as quality_flags
from slots as s
left join counts as c on c.availability_key = s.availability_key
left join blocks as k on k.availability_key = s.availability_key
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
from unslotted
union all
select
    {{ key('booking', ['b.practitioner_key', time_text('b.scheduled_start_at')]) }} as availability_key,
    b.practitioner_key,
    {{ latest_by('b.location_key', 'b.visit_key') }} as location_key,
    {{ latest_by('b.service_type', 'b.visit_key') }} as service_type,
    b.scheduled_start_at as start_at,
    max(b.scheduled_end_at) as end_at,
    {{ minutes_between('b.scheduled_start_at', 'max(b.scheduled_end_at)') }} as duration_minutes,
    'busy' as slot_status,
    count(*) > 1 as is_overbooked,
    count(*) as booked_count,
    {{ collect_set('b.visit_key') }} as visit_keys,
    {{ latest_by('b.source_system', time_text('b.recorded_at') ~ ' || b.source_ref') }} as source_system,
    {{ latest_by('b.source_ref', time_text('b.recorded_at') ~ ' || b.source_ref') }} as source_ref,
    max(b.recorded_at) as recorded_at,
    {{ flags([['no_slot', 'true']]) }} as quality_flags
from bookings as b
left join placed as p on p.visit_key = b.visit_key
where p.visit_key is null
group by b.practitioner_key, b.scheduled_start_at

-- Grain: one row per visit and rule (int__inference_rule) whose time has come by the cut-off. The clock of a
-- rule starts again with whatever is stated of the visit, so that no inference outlives a statement.
with courses as (
    select * from {{ ref('int__visit_course') }}
),

-- Where arrivals are stated at all, and until when: a scheduler alone never learns who came.
attendances as (
    select
        coalesce(facility, '') as facility,
        max(attendance_stated_at) as attendance_stated_at
    from courses
    where has_appointment
    group by coalesce(facility, '')
),

-- Who was in the house about the time of an appointment under another number did not simply miss it.
present_elsewhere as (
    select distinct c.visit_key
    from courses as c
    inner join courses as o
        on o.patient_key = c.patient_key
        and o.visit_key <> c.visit_key
        and o.began_at <= {{ plus_minutes('c.scheduled_end_at', 1440) }}
        and coalesce(
            o.ended_at,
            case
                when o.object = 'stay' then {{ as_of() }}
                else {{ plus_minutes('o.began_at', 1440) }}
            end
        ) >= {{ plus_minutes('c.scheduled_start_at', -720) }}
    where c.object = 'appointment'
),

-- The admission that a plan announced, under another number: of the same patient, in the same facility, about
-- when it was planned; of a plan without a time soon after it was stated.
admissions as (
    select
        p.visit_key,
        min(b.began_at) as admitted_at
    from courses as p
    inner join {{ ref('int__inference_rule') }} as r on r.rule = 'announced_admission'
    inner join courses as b
        on b.patient_key = p.patient_key
        and b.visit_key <> p.visit_key
        and b.began_at is not null
        and b.state not in ('cancelled', 'entered_in_error')
        and coalesce(b.facility = p.facility, true)
        and case
            when p.planned_at is not null
                then abs({{ minutes_between('p.planned_at', 'b.began_at') }}) <= 60 * r.within_hours
            else {{ minutes_between('p.last_stated_at', 'b.began_at') }} between 0 and 60 * r.within_hours
        end
    where p.object = 'plan'
    group by p.visit_key
),

things as (
    select
        c.*,
        m.admitted_at,
        t.attendance_stated_at > c.scheduled_end_at
        and o.visit_key is null
        and not coalesce(p.is_deceased, false) as is_attendance_reported
    from courses as c
    left join admissions as m on m.visit_key = c.visit_key
    left join attendances as t on t.facility = coalesce(c.facility, '')
    left join present_elsewhere as o on o.visit_key = c.visit_key
    left join {{ ref('canonical__patient') }} as p on p.patient_key = c.patient_key
    where c.object is not null
),

clocks as (
    select
        t.*,
        r.rule,
        r.event_type,
        r.flag,
        r.after_hours,
        case r.clock
            when 'scheduled_end' then greatest(t.scheduled_end_at, t.last_stated_at)
            when 'planned' then greatest(t.planned_at, t.last_stated_at)
            when 'plan_statement' then case when t.planned_at is null then t.last_stated_at end
            when 'admission' then greatest(t.admitted_at, t.last_stated_at)
            when 'last_statement' then greatest(t.last_stated_at, t.described_at)
            when 'end' then greatest(t.ended_at, t.last_stated_at)
        end as clock_at,
        case r.clock
            when 'scheduled_end' then t.scheduled_end_at
            when 'planned' then t.planned_at
            when 'plan_statement' then case when t.planned_at is null then t.last_stated_at end
            when 'admission' then t.admitted_at
            when 'end' then t.ended_at
            else t.last_stated_at
        end is not null as has_clock
    from things as t
    inner join {{ ref('int__inference_rule') }} as r
        on r.object = t.object
        and (r.from_states = '*' or ' ' || r.from_states || ' ' like '% ' || t.state || ' %')
    where coalesce(r.needs, '') <> 'attendance_reported' or t.is_attendance_reported
    union all
    -- A bed that is kept for a patient who is here and lies elsewhere.
    select
        t.*,
        r.rule,
        r.event_type,
        r.flag,
        r.after_hours,
        t.reserved_at as clock_at,
        t.reserved_at is not null as has_clock
    from things as t
    inner join {{ ref('int__inference_rule') }} as r on r.object = 'reservation'
    where t.object in ('stay', 'outpatient_visit') and t.place_effect = 'reserve'
),

timed as (
    select
        *,
        {{ plus_minutes('clock_at', '60 * after_hours') }} as inferred_at
    from clocks
    where has_clock
)

select
    visit_key,
    rule,
    event_type,
    flag,
    patient_key,
    object,
    state,
    inferred_at,
    reserved_location_key,
    reserved_bed_key,
    last_order,
    source_system,
    source_ref
from timed
where inferred_at <= {{ as_of() }} and state is not null

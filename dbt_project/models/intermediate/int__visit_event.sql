-- Grain: one row per event stated by any source, with the state before and after it. Events that a
-- better source confirms or outranks, those cancelled, those in the future, and cancels that found nothing
-- yet, stay without changing state; so does what the course of the visit has left behind (seed held_event).
{#- A confirmation by whoever does not own the schedule, as a portal (seed authority): what the scheduler has
    cancelled it does not open again. -#}
{% set confirmed_elsewhere = "(event_type = 'appointment_confirmed' and coalesce(rule, '') = 'recency')" %}
{% set course = 'subject_key, region_group' %}
with events as (
    select
        e.*,
        f.event_id is not null as has_fallen,
        c.original_id as cancels_event_id,
        cancelled_by.cancel_id as cancelled_by_event_id,
        cancelled_by.cancel_id is not null as is_cancelled,
        original.type_to_state as cancelled_state,
        coalesce(s.patient_key, e.patient_key) as surviving_patient_key,
        -- An appointment and the visit that it becomes are one course of states.
        case when e.region in ('visit', 'appointment') then 'visit' else e.region end as region_group,
        case
            when e.event_type = 'departed' then coalesce(d.departed_state, e.type_to_state)
            else e.type_to_state
        end as stated_state,
        e.has_precedence
        and e.cancels is null
        and cancelled_by.cancel_id is null
        and f.event_id is null as counts
    from {{ ref('int__visit_event_precedence') }} as e
    left join {{ ref('int__visit_event_cancel') }} as c on c.cancel_id = e.event_id and not c.is_repeat
    left join {{ ref('int__visit_event_precedence') }} as original on original.event_id = c.original_id
    -- Repeats of a cancelled event are cancelled with it, so this join takes them
    -- and the first leaves them out.
    left join {{ ref('int__visit_event_cancel') }} as cancelled_by on cancelled_by.original_id = e.event_id
    left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = e.patient_key
    left join {{ ref('int__departed_state') }} as d on d.visit_key = e.visit_key
    left join {{ ref('int__visit_event_fallen') }} as f on f.event_id = e.event_id
),

-- Whether anybody but the scheduler saw the patient before each event.
witnessed as (
    select
        *,
        {{ latest_before(
            "case when counts and region = 'visit' then case"
            ~ " when phase = 'void' then 'void'"
            ~ " when phase in ('begin', 'present', 'end') and feed <> 'siu'"
            ~ " and source_trigger <> 'Appointment.status' then 'seen' end end",
            'fold_order',
            course
        ) }} as seen_before
    from events
),

-- What ends an appointment ends no visit that somebody saw begin (setting end_after_arrival).
voided as (
    select
        *,
        counts and phase = 'void' and (region = 'visit' or is_schedule_alone) as is_void
    from (
        select
            *,
            {% if var('end_after_arrival') == 'apply' %}
            true as is_schedule_alone
            {% else %}
            coalesce(seen_before, 'void') <> 'seen' as is_schedule_alone
            {% endif %}
        from witnessed
    )
),

-- What the course of a visit holds before each event, by what counts (seed event_phase).
marked as (
    select
        *,
        {{ latest_before(
            "case when is_void then 'void' when counts and phase = 'end' then substr(fold_order, 1, 18) end",
            'fold_order',
            course
        ) }} as end_before,
        {{ latest_before(
            "case when is_void then 'void' when counts and phase in ('begin', 'present') then 'begun' end",
            'fold_order',
            course
        ) }} as begun_before,
        {{ latest_before(
            "case when counts and phase in ('begin', 'present', 'end') then "
            ~ time_text('occurred_at') ~ " end",
            'fold_order',
            course
        ) }} as present_before,
        {{ latest_before(
            "case when counts and phase = 'begin' and begins_at is not null then "
            ~ time_text('begins_at') ~ " end",
            'fold_order',
            course
        ) }} as beginning_before,
        {{ latest_before(
            "case when counts and scheduled_start_at is not null then "
            ~ time_text('scheduled_start_at') ~ " end",
            'fold_order',
            course
        ) }} as start_before,
        {{ latest_before(
            "case when has_precedence and phase in ('planned', 'void') and not " ~ confirmed_elsewhere
            ~ " then event_type end",
            'fold_order',
            course
        ) }} as plan_before
    from voided
),

-- A beginning after the end is a readmission under the same number: it states a time of its own (PV1-44)
-- that lies after the end, or none at all and comes long after it, or nobody stated a beginning before.
opened as (
    select
        *,
        coalesce(
            counts
            and phase = 'begin'
            and end_before <> 'void'
            and case
                when begins_at is not null
                    then
                        {{ time_text('begins_at') }} > end_before
                        -- A readmission is stated again as well.
                        and coalesce(beginning_before, '') <= end_before
                when coalesce(begun_before, 'void') <> 'begun' then true
                else substr(fold_order, 1, 18) > {{ later_text(
                    'end_before', 60 * var('restated_within_hours') | int
                ) }}
            end,
            false
        ) as is_new_beginning
    from marked
),

placed as (
    select
        *,
        case
            when {{ latest_before(
                "case when counts and phase = 'end' then 'ended'"
                ~ " when is_new_beginning or is_void then 'open' end",
                'fold_order',
                course
            ) }} = 'ended'
                then 'ended'
            when {{ latest_before(
                "case when counts and event_type = 'admitted' then 'admitted'"
                ~ " when counts and event_type = 'class_changed' then 'outpatient'"
                ~ " when is_new_beginning or is_void then 'outpatient' end",
                'fold_order',
                course
            ) }} = 'admitted'
                then 'admitted'
            when begun_before = 'begun' then 'begun'
            else 'planned'
        end as after_phase,
        coalesce(
            {{ confirmed_elsewhere }}
            and plan_before in ('appointment_cancelled', 'appointment_deleted', 'appointment_no_show'),
            false
        ) as is_late_confirmation
    from opened
),

held as (
    select
        p.*,
        h.flag as held_flag,
        coalesce(h.holds, case when p.is_late_confirmation then 'all' end, 'none') as holds,
        p.counts and p.phase = 'end' and p.after_phase = 'ended' and h.holds is null as is_repeated_end,
        -- A change of an appointment that was cancelled, whatever the setting makes of it.
        coalesce(
            p.is_late_confirmation
            or (
                p.plan_before = 'appointment_cancelled'
                and p.source_trigger like 'SIU^%'
                and p.source_trigger not in ('SIU^S12', 'SIU^S13')
                and p.event_type in ('appointment_modified', 'appointment_booked')
            ),
            false
        ) as is_modified_after_cancel
    from placed as p
    left join {{ ref('held_event') }} as h
        on h.event_type = p.event_type
        and h.after = p.after_phase
        and p.has_precedence
        and p.cancels is null
        and p.region_group = 'visit'
        and not case h.unless
            when 'new_beginning' then coalesce(p.is_new_beginning, false)
            when 'new_start'
                then coalesce(
                    {{ time_text('p.scheduled_start_at') }} > p.present_before
                    and p.start_before <> {{ time_text('p.scheduled_start_at') }},
                    false
                )
            when 'schedule_alone' then p.is_schedule_alone
            when 'own_time' then p.begins_at is not null
            else false
        end
),

-- A base is an event that states a state and may be gone back to when what came after it is cancelled.
based as (
    select
        *,
        counts and type_to_state is not null and holds not in ('all', 'state') as is_base
    from held
),

-- The state that a cancel goes back to: that of the latest event before it that was not cancelled itself.
resumed as (
    select
        *,
        {{ latest_before('case when is_base then stated_state end', 'fold_order', course) }}
            as resumed_state
    from based
),

-- A visit whose beginning is cancelled goes back to before it: what came of the beginning goes with it.
states_before_beginnings as (
    select
        c.cancel_id,
        nullif({{ earliest_by("coalesce(r.resumed_state, '')", 'r.fold_order') }}, '')
            as state_before_beginning
    from {{ ref('int__visit_event_cancel') }} as c
    inner join resumed as r on r.event_id = c.original_id and r.phase = 'begin'
    group by c.cancel_id
),

applied as (
    select
        r.*,
        case
            when not r.has_precedence or r.has_fallen then null
            when r.cancels is not null and b.cancel_id is not null
                then coalesce(b.state_before_beginning, r.type_to_state)
            when r.cancels is not null and r.cancels_event_id is not null
                then case
                    when r.cancelled_state is not null then coalesce(r.resumed_state, r.type_to_state)
                end
            -- A cancel that finds nothing waits: it states where a visit is only if nothing else does.
            when r.cancels is not null and r.resumed_state is not null then null
            when r.holds in ('all', 'state') then null
            else r.stated_state
        end as state_after
    from resumed as r
    left join states_before_beginnings as b on b.cancel_id = r.event_id
),

sequenced as (
    select
        *,
        {{ latest_before('state_after', 'fold_order', course) }} as state_before
    from applied
),

checked as (
    select
        s.*,
        s.state_after is not null
            and s.state_before is not null
            and s.cancels is null
            -- Only the states of a visit have a table of transitions; beds and referrals go back and forth.
            and s.region_group = 'visit'
            and s.state_before <> s.state_after
            and t.to_state is null as is_illegal
    from sequenced as s
    left join {{ ref('state_transition') }} as t
        on t.region = s.region_group
        and t.from_state = s.state_before
        and t.to_state = s.state_after
)

-- An illegal state at a time that nobody stated changes nothing: it may only be out of order.
select
    *,
    case when is_illegal and not is_time_stated then null else state_after end as to_state,
    case
        when state_after is not null and not (is_illegal and not is_time_stated) then state_before
    end as from_state
from checked

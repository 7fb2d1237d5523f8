-- Grain: one row per event stated by any source, with the state before and after it. Events that a
-- better source confirms or outranks, those cancelled, and cancels that found nothing yet, stay without
-- changing state.
with events as (
    select
        e.*,
        c.original_id as cancels_event_id,
        cancelled_by.cancel_id is not null as is_cancelled,
        original.type_to_state as cancelled_state,
        coalesce(s.patient_key, e.patient_key) as surviving_patient_key,
        -- An appointment and the visit that it becomes are one course of states.
        case when e.region in ('visit', 'appointment') then 'visit' else e.region end as region_group,
        case
            when e.event_type = 'departed' then coalesce(d.departed_state, e.type_to_state)
            else e.type_to_state
        end as stated_state
    from {{ ref('int__visit_event_precedence') }} as e
    left join {{ ref('int__visit_event_cancel') }} as c on c.cancel_id = e.event_id and not c.is_repeat
    left join {{ ref('int__visit_event_precedence') }} as original on original.event_id = c.original_id
    -- Repeats of a cancelled event are cancelled with it, so this join takes them
    -- and the first leaves them out.
    left join {{ ref('int__visit_event_cancel') }} as cancelled_by on cancelled_by.original_id = e.event_id
    left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = e.patient_key
    left join {{ ref('int__departed_state') }} as d on d.visit_key = e.visit_key
),

-- A base is an event that states a state and may be gone back to when what came after it is cancelled.
based as (
    select
        *,
        has_precedence and cancels is null and not is_cancelled and type_to_state is not null as is_base
    from events
),

-- The state that a cancel goes back to: that of the latest event before it that was not cancelled itself.
resumed as (
    select
        *,
        {{ latest_before(
            'case when is_base then stated_state end',
            'fold_order',
            'subject_key, region_group'
        ) }} as resumed_state
    from based
),

applied as (
    select
        *,
        case
            when not has_precedence then null
            when cancels is not null and cancels_event_id is not null
                then case when cancelled_state is not null then coalesce(resumed_state, type_to_state) end
            -- A cancel that finds nothing waits: it states where a visit is only if nothing else does.
            when cancels is not null and resumed_state is not null then null
            else stated_state
        end as state_after
    from resumed
),

sequenced as (
    select
        *,
        {{ latest_before(
            'state_after',
            'fold_order',
            'subject_key, region_group'
        ) }} as state_before
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

-- Grain: one row per event told by any source, with the state before and after it. Events that a
-- better source confirms or outranks, those cancelled, and cancels that found nothing yet, stay without
-- changing state.
with events as (
    select
        s.*,
        c.original_id as cancels_event_id,
        o.cancel_id is not null as is_cancelled,
        original.type_to_state as cancelled_state,
        coalesce(sv.patient_key, s.patient_key) as surviving_patient_key,
        s.is_effective and s.cancels is null and o.cancel_id is null and s.type_to_state is not null as is_base
    from {{ ref('int__visit_event_standing') }} as s
    left join {{ ref('int__visit_event_cancel') }} as c
        on c.cancel_id = s.event_id and not c.is_repeat
    left join {{ ref('int__visit_event_standing') }} as original on original.event_id = c.original_id
    left join {{ ref('int__visit_event_cancel') }} as o on o.original_id = s.event_id
    left join {{ ref('int__patient_survivor') }} as sv on sv.own_patient_key = s.patient_key
),

-- The state a cancel goes back to is that of the latest event that still stands before it.
resumed as (
    select
        *,
        substr(
            max(case when is_base then fold_order || '|' || told_state end) over (
                partition by subject_key, region_group
                order by fold_order
                rows between unbounded preceding and 1 preceding
            ),
            77
        ) as standing_before
    from (
        select
            *,
            case when region in ('visit', 'appointment') then 'visit' else region end as region_group,
            case
                when event_type = 'departed' then coalesce(departed_state, type_to_state)
                else type_to_state
            end as told_state
        from (
            select
                e.*,
                d.departed_state
            from events as e
            left join {{ ref('int__departed_state') }} as d
                on d.visit_key = e.visit_key and e.event_type = 'departed'
        )
    )
),

stated as (
    select
        *,
        case
            when not is_effective then null
            when cancels is not null and cancels_event_id is not null
                then case when cancelled_state is not null then coalesce(standing_before, type_to_state) end
            -- A cancel that finds nothing waits: it says where a visit stands only if nothing else does.
            when cancels is not null and standing_before is not null then null
            else told_state
        end as state_after
    from resumed
),

sequenced as (
    select
        *,
        substr(
            max(case when state_after is not null then fold_order || '|' || state_after end) over (
                partition by subject_key, region_group
                order by fold_order
                rows between unbounded preceding and 1 preceding
            ),
            77
        ) as state_before
    from stated
),

judged as (
    select
        s.*,
        s.state_after is not null
            and s.state_before is not null
            and s.cancels is null
            and s.region_group = 'visit'
            and s.state_before <> s.state_after
            and t.to_state is null as is_illegal
    from sequenced as s
    left join {{ ref('state_transition') }} as t
        on t.region = s.region_group and t.from_state = s.state_before and t.to_state = s.state_after
)

select
    *,
    case when is_illegal and not is_time_told then null else state_after end as to_state,
    case when state_after is not null and not (is_illegal and not is_time_told) then state_before end as from_state
from judged

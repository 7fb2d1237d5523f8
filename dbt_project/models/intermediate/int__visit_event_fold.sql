-- Grain: one row per event of canonical__visit_event, with what its type means for appointment, location
-- and bed, the order in which states are folded, and whether it is effective: counts in a fold.
with fold_orders as (
    select event_id, fold_order from {{ ref('int__visit_event') }}
    union all
    select event_id, fold_order from {{ ref('int__visit_event_inferred') }}
),

events as (
    select
        e.*,
        k.region,
        k.appointment_status as type_appointment_status,
        case
            -- What is cancelled leaves the patient where the visit was before it: only a visit that is no
            -- longer here leaves its place.
            when
                k.location_effect = 'release'
                and e.cancels_event_id is not null
                and t.phase in ('begin', 'present')
                then 'none'
            else k.location_effect
        end as type_location_effect,
        s.fold_order,
        -- State is only ever folded from the published table, so its flags decide what counts.
        {{ may_count('e') }} as may_count
    from {{ ref('canonical__visit_event') }} as e
    inner join fold_orders as s on s.event_id = e.event_id
    inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
    -- The phase of the state that a cancel goes back to.
    left join (
        select
            states.to_state,
            min(p.phase) as phase
        from {{ ref('event_type') }} as states
        inner join {{ ref('event_phase') }} as p on p.event_type = states.event_type
        where states.region = 'visit' and p.phase in ('begin', 'present') and states.to_state is not null
        group by states.to_state
    ) as t on t.to_state = e.to_state
),

-- A visit that was entered in error did not take place: what was stated of it before counts no more.
counted as (
    select
        *,
        may_count
        and not coalesce(
            region = 'visit'
            and fold_order < max(
                case when may_count and event_type = 'visit_deleted' then fold_order end
            ) over (partition by visit_key),
            false
        ) as is_effective
    from events
),

openings as (
    select
        *,
        sum(case when is_effective and {{ has_flag('quality_flags', 'readmitted') }} then 1 else 0 end) over (
            partition by visit_key order by fold_order rows unbounded preceding
        ) as opening
    from counted
),

-- Of several ends of one stay the one stated last counts: it corrects those before it.
ends as (
    select
        *,
        event_type <> 'departed'
        or not is_effective
        or row_number() over (
            partition by visit_key, opening, event_type, is_effective
            order by recorded_at desc nulls last, fold_order desc
        ) = 1 as is_last_of_kind
    from openings
)

select
    *,
    case when is_last_of_kind then type_location_effect else 'none' end as location_effect
from ends

{{ config(materialized='ephemeral') }}
-- Grain: one row per bed that is about to be, or could be, free, and per patient who waits for
-- one; suppressed_by says why it is not on the list (null: it is). Nothing here names a person.
with inpatients as (
    select
        case when main_state = 'boarding' then 'boarder' else 'expected_discharge' end as row_type,
        visit_key,
        bed_key,
        location_key,
        main_state as state,
        state_since,
        -- A boarder frees no bed of a ward: the expected discharge is one from a
        -- bed that is still to be found.
        case when main_state <> 'boarding' then expected_discharge_at end as expected_vacate_at,
        case when main_state <> 'boarding' then discharge_ordered_at end as discharge_ordered_at,
        coalesce(last_change_ref, source_ref) as source_ref
    from {{ ref('canonical__visit') }}
    where
        main_state in ('boarding', 'discharge_ordered', 'ready_for_discharge')
        or (
            main_state in ('admitted', 'on_leave')
            -- A day ahead, those overdue among them: what is planned for later is nobody's work tonight.
            and {{ minutes_between(as_of(), 'expected_discharge_at') }} <= 1440
        )
),

empty_beds as (
    select
        'bed_turnover' as row_type,
        b.bed_key,
        b.location_key,
        case
            -- Bed management's own word before the folded state: a contaminated bed needs another clean, even
            -- when the discharge after it made it plainly dirty.
            when b.operational_status = 'K' then 'contaminated'
            when b.operational_status = 'H' and b.state <> 'cleaning' then 'vacated_dirty'
            else b.state
        end as state,
        coalesce(b.dirty_at, b.vacated_at, b.state_since) as state_since,
        b.source_ref
    from {{ ref('canonical__bed') }} as b
    where
        coalesce(b.master_status, 'active') = 'active'
        and (b.operational_status in ('H', 'K') or b.state in ('vacated_dirty', 'cleaning', 'contaminated'))
),

candidates as (
    select
        row_type,
        visit_key,
        bed_key,
        location_key,
        state,
        state_since,
        expected_vacate_at,
        discharge_ordered_at,
        source_ref
    from inpatients
    union all
    select
        row_type,
        cast(null as string) as visit_key,
        bed_key,
        location_key,
        state,
        state_since,
        cast(null as {{ instant_type() }}) as expected_vacate_at,
        cast(null as {{ instant_type() }}) as discharge_ordered_at,
        source_ref
    from empty_beds
)

select
    c.row_type || '|' || coalesce(c.visit_key, c.bed_key) as subject_key,
    -- Never set, so that `worklist__suppression` names no person either.
    cast(null as string) as patient_key,
    c.row_type,
    c.visit_key,
    c.bed_key,
    coalesce(b.unit, l.unit) as unit,
    coalesce(b.room, l.room) as room,
    coalesce(b.bed_label, l.bed) as bed,
    c.state,
    c.state_since,
    c.expected_vacate_at,
    c.discharge_ordered_at,
    c.source_ref,
    case when coalesce(b.unit, l.unit, l.name) is null then 'place_unknown' end as suppressed_by
from candidates as c
left join {{ ref('canonical__bed') }} as b on b.bed_key = c.bed_key
left join {{ ref('canonical__location') }} as l on l.location_key = c.location_key

-- Grain: one row per expected discharge, bed to clean, or patient waiting for a bed. For bed
-- management, cleaning and transport: location and state only, no name, no diagnosis.
with listed_beds as (
    select
        {{ uuid5("'discharge_and_bed_turnover|" ~ var('day') ~ "|' || subject_key") }} as row_id,
        *,
        -- When the bed needs somebody: a planned time where there is one, else since when it has waited.
        coalesce(expected_vacate_at, discharge_ordered_at, state_since) as sort_at,
        {{ minutes_between('state_since', as_of()) }} as minutes_in_state
    from {{ ref('int__discharge_and_bed_turnover_candidate') }}
    where suppressed_by is null
)

select
    row_id,
    row_number() over (order by sort_at asc nulls last, unit, room, bed, row_id) as rank,
    row_type,
    unit,
    room,
    bed,
    state,
    -- A clock that runs ahead gives a start after the cut-off: an unknown duration, and no negative one.
    case when minutes_in_state >= 0 then minutes_in_state end as minutes_in_state,
    case
        when row_type = 'boarder' then 'inpatient bed'
        when state = 'contaminated' then 'contamination clean'
        when row_type = 'bed_turnover' then 'standard clean'
        else 'discharge'
    end as next_need,
    expected_vacate_at,
    case
        when row_type = 'boarder' then 'Admitted and waiting for a bed'
        when state = 'contaminated' then 'Bed empty and contaminated'
        when state = 'cleaning' then 'Bed being cleaned'
        when row_type = 'bed_turnover' then 'Bed empty and dirty'
        when state = 'ready_for_discharge' then 'Ready to leave'
        when state = 'discharge_ordered' then 'Discharge ordered'
        else 'Discharge expected'
    end
    || coalesce(
        case
            when row_type = 'expected_discharge' and state in ('admitted', 'on_leave') then ''
            else ' since ' || {{ local_day_words('state_since') }} || ' ' || {{ local_time('state_since') }}
        end,
        ''
    )
    || coalesce(
        case when state in ('admitted', 'on_leave') then ' for ' else '; bed expected free ' end
        || {{ local_day_words('expected_vacate_at') }} || ' ' || {{ local_time('expected_vacate_at') }},
        ''
    ) as reason,
    {{ as_of() }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    visit_key,
    bed_key,
    source_ref
from listed_beds

-- Grain: one row per expected discharge, bed to clean, or patient waiting for a bed. For bed
-- management, cleaning and transport: location and state only, no name, no diagnosis.
with listed_beds as (
    select
        {{ uuid5("'discharge_and_bed_turnover|' || subject_key") }} as row_id,
        *,
        {{ zone_of_facility('facility_id') }} as time_zone,
        -- When the bed needs somebody: a planned time where there is one, else since when it has waited.
        coalesce(expected_vacate_at, discharge_ordered_at, state_since) as sort_at,
        {{ minutes_between('state_since', as_of()) }} as minutes_in_state
    from {{ ref('int__discharge_and_bed_turnover_candidate') }}
    where suppressed_by is null
)

select
    row_id,
    row_number() over (order by state = 'unknown', sort_at asc nulls last, unit, room, bed, row_id) as rank,
    row_type,
    unit,
    room,
    bed,
    state,
    -- A clock that runs ahead gives a start after the cut-off: an unknown duration, and no negative one.
    case when minutes_in_state >= 0 then minutes_in_state end as minutes_in_state,
    case
        when row_type = 'boarder' then 'inpatient bed'
        when state = 'unknown' then 'check of the bed'
        when state = 'contaminated' then 'contamination clean'
        when row_type = 'bed_turnover' then 'standard clean'
        else 'discharge'
    end as next_need,
    expected_vacate_at,
    case
        when row_type = 'boarder' then 'Admitted and waiting for a bed'
        when state_reason = 'status_not_reported' then 'Bed empty; status not reported since departure'
        when state_reason = 'departure_not_stated'
            then 'Stay ended without a discharge; bed not known to be free'
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
            when state_reason = 'status_not_reported'
                then ' ' || {{ local_day_words('state_since', 'time_zone') }}
                    || ' ' || {{ local_time('state_since', 'time_zone') }}
            else ' since ' || {{ local_day_words('state_since', 'time_zone') }}
                || ' ' || {{ local_time('state_since', 'time_zone') }}
        end,
        ''
    )
    || coalesce(
        case
            when is_overdue and state in ('admitted', 'on_leave') then ', overdue since '
            when is_overdue then '; bed overdue since '
            when state in ('admitted', 'on_leave') then ' for '
            else '; bed expected free '
        end
        || {{ local_day_words('expected_vacate_at', 'time_zone') }}
        -- "For 9 Mar": an hour that nobody stated is not printed.
        || case
            when {{ is_day_alone('vacate_precision') }} then ''
            else ' ' || {{ local_time('expected_vacate_at', 'time_zone') }}
        end,
        ''
    )
    -- Nobody is taken as gone who was not stated to be: the list says why it may be worth a look.
    || case when has_no_news then '; no news of the stay lately' else '' end
    -- Of a bed of no known facility the hours are those of the home's clock, which has to be said.
    || case when facility_id is null then ' (' || time_zone || ')' else '' end as reason,
    {{ data_as_of('worklist__discharge_and_bed_turnover') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    visit_key,
    bed_key,
    source_ref
from listed_beds

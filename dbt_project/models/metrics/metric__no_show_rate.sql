-- Grain: one row per method, location, service and local day of the planned start.
-- Method kept_or_missed (A): missed / (attended + missed). Method NHSE_DNA_share (B): missed /
-- all that were booked, cancelled ones included. Appointments without an outcome are counted. Of those missed
-- some may be inferred (seed inference_rule), which are counted as well.
with past_appointments as (
    select
        coalesce(location_key, 'unknown') as location_key,
        coalesce(service_type, 'unknown') as service_type,
        {{ local_date('scheduled_start_at') }} as local_day,
        case when main_state = 'no_show' then 1 else 0 end as is_missed,
        case when main_state = 'cancelled' then 1 else 0 end as is_cancelled,
        -- Closed without a word (no_outcome) is as open as before: nobody states that the patient came.
        case
            when main_state in ('scheduled', 'confirmed', 'unknown') then 1
            when main_state = 'closed' and {{ has_flag('quality_flags', 'no_outcome') }} then 1
            else 0
        end as is_open,
        case
            when main_state = 'no_show' and {{ has_flag('quality_flags', 'state_inferred') }} then 1 else 0
        end as is_inferred
    from {{ ref('canonical__visit') }}
    where
        scheduled_start_at < {{ as_of() }}
        and main_state not in ('requested', 'entered_in_error')
        -- A request that was closed was never booked.
        and not (main_state = 'closed' and coalesce(appointment_status, '') in ('pending', 'waitlist'))
),

counted_days as (
    select
        location_key,
        service_type,
        local_day,
        count(*) as booked_count,
        cast(sum(is_missed) as bigint) as missed_count,
        cast(sum(is_inferred) as bigint) as inferred_count,
        cast(sum(is_cancelled) as bigint) as cancelled_count,
        cast(sum(is_open) as bigint) as open_count,
        cast(sum(1 - is_missed - is_cancelled - is_open) as bigint) as attended_count
    from past_appointments
    group by location_key, service_type, local_day
),

days_by_method as (
    select 'kept_or_missed' as method, attended_count + missed_count as denominator, * from counted_days
    union all
    select 'NHSE_DNA_share' as method, booked_count as denominator, * from counted_days
)

select
    {{ uuid5(
        "m.method || '|' || m.location_key || '|' || m.service_type || '|' || cast(m.local_day as string)"
    ) }} as row_id,
    m.method,
    m.location_key,
    coalesce(l.name, l.unit, 'unknown') as location_name,
    m.service_type,
    m.local_day,
    m.missed_count as numerator,
    m.denominator,
    case when m.denominator > 0 then cast(m.missed_count as double) / m.denominator end as no_show_rate,
    m.inferred_count,
    m.attended_count,
    m.cancelled_count,
    m.open_count,
    m.booked_count,
    {{ as_of() }} as data_as_of
from days_by_method as m
left join {{ ref('canonical__location') }} as l on l.location_key = m.location_key

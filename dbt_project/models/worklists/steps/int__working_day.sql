{{ config(materialized='ephemeral') }}
-- Grain: one row. The next working day after the day that is built, by the facility's calendar.
-- A rule for a date beats the rule for its weekday; a day without a rule is a working day.
with calendar as (
    select
        rule,
        value,
        lower(cast(is_open as {{ dbt.type_string() }})) = 'true' as is_open
    from {{ ref('business_calendar') }}
    where facility_id = '{{ var("facility", "LKWD") }}'
),

ahead as (
    {% for days in range(1, 22) -%}
    select {{ add_days("cast('" ~ var('day') ~ "' as date)", days) }} as candidate
    {%- if not loop.last %} union all {% endif %}
    {% endfor %}
),

judged as (
    select
        a.candidate,
        coalesce(d.is_open, w.is_open, true) as is_open
    from ahead as a
    left join calendar as d
        on d.rule = 'date' and d.value = cast(a.candidate as {{ dbt.type_string() }})
    left join calendar as w
        on w.rule = 'weekday' and w.value = cast({{ iso_weekday('a.candidate') }} as {{ dbt.type_string() }})
)

select min(candidate) as next_working_day
from judged
where is_open

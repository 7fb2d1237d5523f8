{{ config(materialized='ephemeral') }}
-- Grain: one row per reminder window: its day, and whether the facility is open then.
-- A rule for a date beats the rule for its weekday; a day without a rule is a working day.
with calendar_rules as (
    select
        rule,
        value,
        lower(cast(is_open as string)) = 'true' as is_open
    from {{ ref('business_calendar') }}
    where facility_id = '{{ var("facility", "LKWD") }}'
),

reminder_windows as (
    {% for days in [1, 3, 7] -%}
    select
        'T+{{ days }}' as tier,
        {{ add_days("cast('" ~ var('day') ~ "' as date)", days) }} as local_date
    {%- if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
)

select
    a.tier,
    a.local_date,
    coalesce(d.is_open, w.is_open, true) as is_open
from reminder_windows as a
left join calendar_rules as d
    on d.rule = 'date' and d.value = cast(a.local_date as string)
left join calendar_rules as w
    on w.rule = 'weekday' and w.value = cast({{ iso_weekday('a.local_date') }} as string)

{{ config(materialized='ephemeral') }}
-- Grain: one row per facility and day that is in a reminder window; the nearest window counts.
-- T+1 is every day up to and including the next working day, so that a list of Friday holds the weekend and
-- Monday; T+3 and T+7 are calendar days. A row of T+1 is on the lists of all days before its own, one of the
-- others on the list of this day alone (listed_until).
{% set days = [] %}
{% for facility in var('facilities') %}
    {% for ahead in facility.days %}
        {% set _ = days.append((facility.id, ahead[0], ahead[1], ahead[2])) %}
    {% endfor %}
{% endfor %}
{% set today = "cast('" ~ var('day') ~ "' as date)" %}
with days_ahead as (
    {% for id, local_date, is_working, is_closed_by_date in days -%}
    select
        '{{ id }}' as facility_id,
        cast('{{ local_date }}' as date) as local_date,
        {{ is_working | lower }} as is_working,
        {{ is_closed_by_date | lower }} as is_closed_by_date
    {{ "union all" if not loop.last }}
    {% else -%}
    select
        cast(null as string) as facility_id,
        cast(null as date) as local_date,
        false as is_working,
        false as is_closed_by_date
    where false
    {% endfor %}
),

next_working_days as (
    select
        facility_id,
        -- Without a working day in sight: the last day that was looked at.
        coalesce(min(case when is_working then local_date end), max(local_date)) as local_date
    from days_ahead
    group by facility_id
)

select
    a.facility_id,
    case
        when a.local_date <= n.local_date then 'T+1'
        when a.local_date = {{ add_days(today, 3) }} then 'T+3'
        else 'T+7'
    end as tier,
    a.local_date,
    a.is_working,
    a.is_closed_by_date,
    case when a.local_date <= n.local_date then {{ add_days('a.local_date', -1) }} else {{ today }} end
        as listed_until
from days_ahead as a
inner join next_working_days as n on n.facility_id = a.facility_id
where
    a.local_date <= n.local_date
    or a.local_date in ({{ add_days(today, 3) }}, {{ add_days(today, 7) }})

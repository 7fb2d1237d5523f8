{{ config(materialized='table', database='scratch') }}
-- Grain: one row per scheduling message: its SCH with the first service, person and location that it does
-- not delete (action code D, table 0206); where it deletes the only one, that is cleared. A cancelled
-- appointment deletes all of them and still was with that person.
{% set schedule_minutes = duration_in_minutes('s.duration', 's.duration_units') %}
{% set service_minutes = duration_in_minutes('a.duration', 'a.duration_units') %}
{% set goes_on -%}
e.event_type not in ('appointment_cancelled', 'appointment_deleted', 'appointment_no_show')
{%- endset %}
{% set undeleted_first = "case action_code when 'D' then 1 else 0 end, segment" %}
{% set first_segments = [
    ('services', source('lake', 'hl7v2__ais'), undeleted_first),
    ('persons', source('lake', 'hl7v2__aip'), undeleted_first),
    ('locations', source('lake', 'hl7v2__ail'), undeleted_first),
    ('patients', source('lake', 'hl7v2__pid'), 'segment'),
    ('headers', source('lake', 'hl7v2__sch'), 'segment'),
    ('timings', source('lake', 'hl7v2__tq1'), 'segment'),
] %}
with
{% for name, relation, order in first_segments %}
{{ name }} as (
    select * from {{ first_in_message(relation, order) }} as s
){{ "," if not loop.last }}
{% endfor %}

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.sender,
    e.message_at,
    e.recorded_at,
    e.event_type,
    e.effect,
    n.patient_group,
    coalesce(
        case
            when {{ held('s.filler_id') }} is not null then {{ held('s.filler_authority') }}
            else {{ held('s.placer_authority') }}
        end,
        e.sender
    ) as appointment_authority,
    coalesce({{ held('s.filler_id') }}, {{ held('s.placer_id') }}) as appointment_id,
    {{ mapped('status', 's.filler_status_code') }} as appointment_status,
    s.filler_status_code as status_code,
    coalesce(s.start_at, q.start_at, a.start_at, p.start_at) as scheduled_start_at,
    coalesce(
        s.end_at,
        q.end_at,
        {{ plus_minutes(
            'coalesce(s.start_at, q.start_at, a.start_at, p.start_at)',
            'coalesce(' ~ schedule_minutes ~ ', ' ~ service_minutes ~ ')',
        ) }}
    ) as scheduled_end_at,
    coalesce(
        {{ schedule_minutes }},
        {{ service_minutes }},
        {{ minutes_between(
            'coalesce(s.start_at, q.start_at, a.start_at)', 'coalesce(s.end_at, q.end_at)'
        ) }}
    ) as duration_minutes,
    case when a.action_code = 'D' and {{ goes_on }} then '""' else a.service_code end as service_type,
    s.appointment_type_code as appointment_type,
    s.appointment_reason_code as reason_code,
    s.event_reason_code,
    case
        when (p.action_code = 'D' and {{ goes_on }}) or p.personnel_id = '""' then '""'
        else {{ person_key('p.personnel', 'e.sender') }}
    end as practitioner_key,
    {{ location_facility('l.location', 'e.sender') }} as location_facility,
    {{ held('l.location_unit') }} as location_unit,
    {{ held('l.location_room') }} as location_room,
    {{ held('l.location_bed') }} as location_bed,
    {{ location_code('l.location') }} as location_code,
    coalesce({{ held('s.placer_order_authority') }}, e.sender) as placer_order_authority,
    {{ held('s.placer_order_id') }} as placer_order_number,
    coalesce({{ held('s.filler_order_authority') }}, e.sender) as filler_order_authority,
    {{ held('s.filler_order_id') }} as filler_order_number
from {{ ref('stg_hl7v2__event') }} as e
inner join headers as s on {{ same_message('e', 's') }}
left join timings as q on {{ same_message('e', 'q') }}
left join services as a on {{ same_message('e', 'a') }}
left join persons as p on {{ same_message('e', 'p') }}
left join locations as l
    on {{ same_message('e', 'l') }}
    and (coalesce(l.action_code, 'A') <> 'D' or not {{ goes_on }})
left join patients as n on {{ same_message('e', 'n') }}
{{ join_code_map(ref('code_map_appointment_status'), 'status', 'e.source_system', 's.filler_status_code') }}
where e.feed = 'siu'

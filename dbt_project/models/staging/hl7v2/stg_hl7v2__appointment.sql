{{ config(materialized='table', database='scratch') }}
-- Grain: one row per scheduling message: its SCH with the first service, person and location that it does
-- not delete (action code D, table 0206); where it deletes the only one, that is cleared. A cancelled
-- appointment deletes all of them and still was with that person.
{% set schedule_minutes = duration_in_minutes('s.duration', 's.duration_units') %}
{% set service_minutes -%}
coalesce(
        {{ duration_in_minutes('a.duration', 'a.duration_units') }},
        {{ duration_in_minutes('p.duration', 'p.duration_units') }},
        {{ duration_in_minutes('l.duration', 'l.duration_units') }}
    )
{%- endset %}
{% set goes_on -%}
e.event_type not in ('appointment_cancelled', 'appointment_deleted', 'appointment_no_show')
{%- endset %}
{% set zone = source_zone('e.source_system') %}
{% set start -%}
coalesce(s.start_at, q.start_at, a.start_at, p.start_at)
{%- endset %}
{% set start_precision -%}
case
        when s.start_at is not null then s.start_precision
        when q.start_at is not null then q.start_precision
        when a.start_at is not null then a.start_precision
        else p.start_precision
    end
{%- endset %}
{% set undeleted_first = "case action_code when 'D' then 1 else 0 end, segment" %}
{% set first_segments = [
    ('services', source('lake', 'hl7v2__ais'), undeleted_first),
    ('persons', source('lake', 'hl7v2__aip'), undeleted_first),
    ('locations', source('lake', 'hl7v2__ail'), undeleted_first),
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
    e.is_stamped,
    e.event_type,
    e.effect,
    {{ stated_authority('s.filler') }} as filler_authority,
    {{ held('s.filler_id') }} as filler_id,
    {{ stated_authority('s.placer') }} as placer_authority,
    {{ held('s.placer_id') }} as placer_id,
    c.to_code as appointment_status,
    c.code as status_code,
    {{ start }} as scheduled_start_at,
    {{ start_precision }} as scheduled_start_precision,
    case
        when s.start_at is not null then s.start_zone_source
        when q.start_at is not null then q.start_zone_source
        when a.start_at is not null then a.start_zone_source
        else p.start_zone_source
    end as scheduled_start_zone_source,
    coalesce(
        {{ last_at('s.end_at', 's.end_precision', zone) }},
        {{ last_at('q.end_at', 'q.end_precision', zone) }},
        -- From a day alone no end follows.
        case
            when not {{ is_day_alone('(' ~ start_precision ~ ')') }}
                then {{ plus_minutes(start, 'coalesce(' ~ schedule_minutes ~ ', ' ~ service_minutes ~ ')') }}
        end
    ) as scheduled_end_at,
    coalesce(
        {{ schedule_minutes }},
        {{ service_minutes }},
        case
            when not {{ is_day_alone('(' ~ start_precision ~ ')') }}
                then {{ minutes_between(
                    'coalesce(s.start_at, q.start_at, a.start_at)', 'coalesce(s.end_at, q.end_at)'
                ) }}
        end
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
    {{ stated_authority('s.placer_order') }} as placer_order_authority,
    {{ held('s.placer_order_id') }} as placer_order_number,
    {{ stated_authority('s.filler_order') }} as filler_order_authority,
    {{ held('s.filler_order_id') }} as filler_order_number
from {{ ref('stg_hl7v2__event') }} as e
inner join headers as s on {{ same_message('e', 's') }}
left join timings as q on {{ same_message('e', 'q') }}
left join services as a on {{ same_message('e', 'a') }}
left join persons as p on {{ same_message('e', 'p') }}
left join locations as l
    on {{ same_message('e', 'l') }}
    and (coalesce(l.action_code, 'A') <> 'D' or not {{ goes_on }})
{% for name in ['s.filler', 's.placer', 's.placer_order', 's.filler_order'] %}
{{ join_stated_authority(ref('stg_hl7v2__authority'), name) }}
{% endfor %}
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['SCH-25'], segment_keys(),
    ref('code_map_appointment_status'), ref('coding_rank'), 'appointment_status',
) }} as c
    on {{ in_same_message('s', 'c') }} and c.segment = s.segment
where e.feed = 'siu'

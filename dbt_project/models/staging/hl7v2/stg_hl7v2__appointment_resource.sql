{{ config(materialized='table', database='scratch') }}
-- Grain: one row per person (AIP), location (AIL) and piece of equipment (AIG) of a scheduling message, with
-- whether the message takes it away (action code D, table 0206) and with its own time: where the segment
-- states none, that of the first service (AIS) of its resource group (RGS).
{% set resources = [
    (source('lake', 'hl7v2__aip'), 'practitioner'),
    (source('lake', 'hl7v2__ail'), 'location'),
    (source('lake', 'hl7v2__aig'), 'device'),
] %}
with segments as (
    {% for relation, kind in resources %}
    select
        source,
        received,
        message,
        segment,
        '{{ kind }}' as kind,
        action_code,
        start_at,
        {{ duration_in_minutes('start_offset', 'start_offset_units') }} as offset_minutes,
        {{ duration_in_minutes('duration', 'duration_units') }} as duration_minutes,
        {{ 'personnel_id' if kind == 'practitioner' else 'cast(null as string)' }} as personnel_id,
        {{ 'personnel_authority' if kind == 'practitioner' else 'cast(null as string)' }}
            as personnel_authority,
        {% for part in ['facility', 'unit', 'room', 'bed'] %}
        {{ 'location_' ~ part if kind == 'location' else 'cast(null as string)' }} as location_{{ part }},
        {% endfor %}
        {{ 'resource_code' if kind == 'device' else 'cast(null as string)' }} as device_code
    from {{ relation }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- A group begins with its RGS; all before the first is the group 0.
resource_groups as (
    select
        s.source,
        s.received,
        s.message,
        s.segment,
        coalesce(max(g.segment), 0) as group_segment
    from segments as s
    left join {{ source('lake', 'hl7v2__rgs') }} as g
        on {{ in_same_message('s', 'g') }} and g.segment < s.segment
    group by s.source, s.received, s.message, s.segment
),

services as (
    select
        a.source,
        a.received,
        a.message,
        a.segment,
        a.start_at,
        {{ duration_in_minutes('a.duration', 'a.duration_units') }} as duration_minutes,
        coalesce(max(g.segment), 0) as group_segment
    from {{ source('lake', 'hl7v2__ais') }} as a
    left join {{ source('lake', 'hl7v2__rgs') }} as g
        on {{ in_same_message('a', 'g') }} and g.segment < a.segment
    where coalesce(a.action_code, 'A') <> 'D'
    group by a.source, a.received, a.message, a.segment, a.start_at, a.duration, a.duration_units
),

services_of_group as (
    select
        source,
        received,
        message,
        group_segment,
        {{ earliest_by('start_at', 'segment') }} as start_at,
        {{ earliest_by('duration_minutes', 'segment') }} as duration_minutes
    from services
    group by source, received, message, group_segment
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    s.segment,
    s.kind,
    coalesce(s.action_code, 'A') = 'D' as is_taken_away,
    {{ person_key('s.personnel', 'e.sender') }} as practitioner_key,
    {{ location_facility('s.location', 'e.sender') }} as location_facility,
    {{ held('s.location_unit') }} as location_unit,
    {{ held('s.device_code') }} as device_code,
    coalesce(s.start_at, case when s.offset_minutes is null then v.start_at end) as start_at,
    s.offset_minutes,
    coalesce(s.duration_minutes, v.duration_minutes) as duration_minutes
from {{ ref('stg_hl7v2__event') }} as e
inner join segments as s on {{ same_message('e', 's') }}
inner join resource_groups as g on {{ in_same_message('s', 'g') }} and g.segment = s.segment
left join services_of_group as v on {{ in_same_message('s', 'v') }} and v.group_segment = g.group_segment
where e.feed = 'siu'

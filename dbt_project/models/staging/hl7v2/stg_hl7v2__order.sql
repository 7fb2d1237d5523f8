{{ config(materialized='table', database='scratch') }}
-- Grain: one row per order of a message: an ORC with each OBR that follows it, or an OBR alone.
{% set priority_code = 'coalesce(' ~ [
    held('r.timing_priority'), held('c.priority'), held('q.priority_code'), held('r.priority')
] | join(', ') ~ ')' %}
{% set category_code = 'coalesce(' ~ held('r.diagnostic_section') ~ ', ' ~ held('c.order_type') ~ ')' %}
with commons as (
    select
        *,
        coalesce(
            lead(segment) over (partition by source, received, message order by segment),
            9223372036854775807
        ) as until_segment
    from {{ source('lake', 'hl7v2__orc') }}
),

-- The first timing of an order; where ORC and OBR both have one, that of ORC.
timings as (
    select
        t.source,
        t.received,
        t.message,
        c.segment as common_segment,
        {{ earliest_by('t.priority_code', 't.segment') }} as priority_code,
        {{ earliest_by('t.start_at', 't.segment') }} as start_at
    from {{ source('lake', 'hl7v2__tq1') }} as t
    inner join commons as c
        on {{ in_same_message('t', 'c') }} and t.segment > c.segment and t.segment < c.until_segment
    group by t.source, t.received, t.message, c.segment
),

requests as (
    select
        r.*,
        c.segment as common_segment
    from {{ source('lake', 'hl7v2__obr') }} as r
    left join commons as c
        on {{ in_same_message('r', 'c') }} and r.segment > c.segment and r.segment < c.until_segment
),

pairs as (
    select source, received, message, segment as common_segment, null as request_segment
    from commons as c
    where not exists (
        select 1
        from requests as r
        where {{ in_same_message('c', 'r') }} and r.common_segment = c.segment
    )
    union all
    select source, received, message, common_segment, segment as request_segment
    from requests
)

select
    {{ hl7_origin('e') }},
    e.statement_order
    || lpad(cast(coalesce(p.common_segment, p.request_segment) as string), 6, '0') as statement_order,
    e.sender,
    e.message_at,
    coalesce(c.patient_group, r.patient_group) as patient_group,
    coalesce(
        {{ held('c.placer_authority') }}, {{ held('r.placer_authority') }}, e.sender
    ) as placer_authority,
    coalesce({{ held('c.placer_id') }}, {{ held('r.placer_id') }}) as placer_number,
    coalesce(
        {{ held('c.filler_authority') }}, {{ held('r.filler_authority') }}, e.sender
    ) as filler_authority,
    coalesce({{ held('c.filler_id') }}, {{ held('r.filler_id') }}) as filler_number,
    c.order_control,
    {{ mapped('control', 'c.order_control') }} as control_status,
    c.order_status as status_code,
    {{ mapped('status', 'c.order_status') }} as order_status,
    r.result_status as result_status_code,
    {{ mapped('result', 'r.result_status') }} as result_status,
    {{ priority_code }} as priority_code,
    {{ mapped('priority', priority_code) }} as priority,
    {{ category_code }} as category_code,
    coalesce(
        service_own.to_code,
        service_any.to_code,
        {{ mapped('category', category_code) }}
    ) as order_category,
    r.service_system as code_system,
    r.service_code as code,
    r.service_text as display,
    coalesce(c.transaction_at, e.message_at) as transaction_at,
    coalesce(
        r.requested_at, c.requested_at, r.timing_start_at, q.start_at, r.scheduled_at
    ) as requested_for_at,
    r.results_reported_at as resulted_at,
    coalesce(
        {{ person_key('c.ordering_provider', 'e.sender') }},
        {{ person_key('r.ordering_provider', 'e.sender') }}
    ) as practitioner_key
from pairs as p
inner join {{ ref('stg_hl7v2__event') }} as e on {{ same_message('e', 'p') }}
left join commons as c on {{ in_same_message('p', 'c') }} and c.segment = p.common_segment
left join timings as q on {{ in_same_message('p', 'q') }} and q.common_segment = p.common_segment
left join {{ source('lake', 'hl7v2__obr') }} as r
    on {{ in_same_message('p', 'r') }} and r.segment = p.request_segment
{{ join_code_map(ref('code_map_order_control'), 'control', 'e.source_system', 'c.order_control') }}
{{ join_code_map(ref('code_map_order_status'), 'status', 'e.source_system', 'c.order_status') }}
{{ join_code_map(ref('code_map_result_status'), 'result', 'e.source_system', 'r.result_status') }}
{{ join_code_map(ref('code_map_priority'), 'priority', 'e.source_system', priority_code) }}
{{ join_code_map(ref('code_map_order_category'), 'category', 'e.source_system', category_code) }}
{{ join_code_map(ref('code_map_order_category'), 'service', 'e.source_system', 'r.service_code') }}
where e.effect = 'order'

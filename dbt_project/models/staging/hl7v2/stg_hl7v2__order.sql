{{ config(materialized='table', database='scratch') }}
-- Grain: one row per order of a message: an ORC with each OBR that follows it, or an OBR alone.
{% set is_result -%}
({{ held('r.result_status') }} is not null or o.observations is not null)
{%- endset %}
{% set priority_code = 'coalesce(' ~ [
    held('r.timing_priority'), held('c.priority'), held('q.priority_code'), held('r.priority')
] | join(', ') ~ ')' %}
{% set zone = source_zone('e.source_system') %}
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
),

-- What the observations of a request say of its result.
observations as (
    select
        source_system as source,
        received,
        message,
        request_segment,
        count(*) as observations,
        count(case when observation_status = 'corrected' then 1 end) as corrected,
        count(case when observation_status in ('final', 'corrected', 'cancelled') then 1 end) as finished,
        count(case when observation_status = 'preliminary' then 1 end) as preliminary
    from {{ ref('stg_hl7v2__observation') }}
    where observation_status is not null
    group by source_system, received, message, request_segment
)

select
    {{ hl7_origin('e') }},
    {{ part_order('e.statement_order', 'coalesce(p.request_segment, p.common_segment)') }}
        as statement_order,
    e.is_stamped,
    e.sender,
    e.message_at,
    coalesce(c.patient_group, r.patient_group) as patient_group,
    -- ORC first of what places an order, OBR first of what fills it: one ORC can stand before several tests.
    {%- for number, one, other in [('placer', 'c', 'r'), ('filler', 'r', 'c')] %}
    coalesce(
        {{ stated_authority(one ~ '.' ~ number) }},
        -- Of the same number only: two segments can name two.
        case
            when coalesce({{ held(one ~ '.' ~ number ~ '_id') }}, {{ other }}.{{ number }}_id)
                = {{ other }}.{{ number }}_id
                then {{ stated_authority(other ~ '.' ~ number) }}
        end
    ) as {{ number }}_authority,
    coalesce(
        {{ held(one ~ '.' ~ number ~ '_id') }}, {{ held(other ~ '.' ~ number ~ '_id') }}
    ) as {{ number }}_number,
    {%- endfor %}
    {{ stated_authority('c.placer_group') }} as placer_group_authority,
    {{ held('c.placer_group_id') }} as placer_group_number,
    {{ held('r.set_id') }} as request_set_id,
    {{ held('r.service_alternate_code') }} as alternate_code,
    c.order_control,
    {{ mapped('control', 'c.order_control') }} as control_status,
    c.order_status as status_code,
    {{ mapped('status', 'c.order_status') }} as order_status,
    r.result_status as result_status_code,
    -- A correction is often marked where it is (OBX-11) while OBR-25 goes on saying final; and OBR-25 may
    -- be left out.
    case
        when o.corrected > 0 and coalesce({{ mapped('result', held('r.result_status')) }}, 'final') = 'final'
            and o.finished = o.observations
            then 'corrected'
        when {{ held('r.result_status') }} is not null or o.observations is null
            then {{ mapped('result', 'r.result_status') }}
        when o.finished = o.observations then 'final'
        when o.finished > 0 then 'partial'
        when o.preliminary > 0 then 'preliminary'
    end as result_status,
    {{ priority_code }} as priority_code,
    {{ mapped('priority', priority_code) }} as priority,
    {{ category_code }} as category_code,
    coalesce(
        case when s.knowledge < 2 then s.to_code end,
        nullif(nullif({{ mapped('category', category_code) }}, 'unmapped'), 'unknown'),
        by_system.order_category,
        by_filler.order_category,
        {{ mapped('category', category_code) }}
    ) as order_category,
    s.code_system,
    s.code,
    coalesce(s.display, r.service_text) as display,
    coalesce(c.transaction_at, e.message_at) as transaction_at,
    case
        when c.transaction_at is not null then c.transaction_precision
        when e.is_stamped then 'second'
    end as transaction_precision,
    -- OBR-7 counts where a result is stated: systems that place orders write there when they were placed.
    case
        when {{ is_result }} and r.observation_at <= e.message_at
            then {{ sharpened_at('r.observation', 'e.message_at', zone) }}
        else {{ sharpened_at('r.specimen_received', 'e.message_at', zone) }}
    end as collected_at,
    case
        when {{ is_result }} and r.observation_at <= e.message_at then r.observation_precision
        else r.specimen_received_precision
    end as collected_precision,
    coalesce(
        r.requested_at, c.requested_at, r.timing_start_at, q.start_at, r.scheduled_at
    ) as requested_for_at,
    r.results_reported_at as resulted_at,
    r.results_reported_precision as resulted_precision,
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
{% for name in ['c.placer', 'c.filler', 'c.placer_group', 'r.placer', 'r.filler'] %}
{{ join_stated_authority(ref('stg_hl7v2__authority'), name) }}
{% endfor %}
left join observations as o
    on {{ in_same_message('r', 'o') }} and o.request_segment = r.segment
{{ join_code_map(ref('code_map_order_control'), 'control', 'e.source_system', 'c.order_control') }}
{{ join_code_map(ref('code_map_order_status'), 'status', 'e.source_system', 'c.order_status') }}
{{ join_code_map(ref('code_map_result_status'), 'result', 'e.source_system', 'r.result_status') }}
{{ join_code_map(ref('code_map_priority'), 'priority', 'e.source_system', priority_code) }}
{{ join_code_map(ref('code_map_order_category'), 'category', 'e.source_system', category_code) }}
left join {{ chosen_coding(
    ref('stg_hl7v2__coding'), ['OBR-4'], segment_keys(),
    ref('code_map_order_category'), ref('coding_rank'), 'order_category',
) }} as s
    on {{ in_same_message('r', 's') }} and s.segment = r.segment
left join {{ ref('order_origin') }} as by_system
    on by_system.element = 'code_system' and by_system.value = s.code_system
left join {{ ref('order_origin') }} as by_filler
    on by_filler.element = 'filler'
    and by_filler.value = upper(coalesce({{ held('c.filler_authority') }}, {{ held('r.filler_authority') }}))
where e.effect = 'order'

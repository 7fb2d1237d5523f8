-- Grain: one row per result_key: an order and a report on it, or a report whose order nobody names. The
-- filler's messages count before what the EHR exports of them. Never the value of a result.
--
-- The first report on an order is that order's result, under the key of the order: so a message and a
-- resource about it are one row, whichever comes first.
{% set attributes = [
    'order_key', 'patient_key', 'visit_key', 'result_category', 'code_system', 'code', 'display',
    'result_status', 'resulted_at', 'corrected_at', 'abnormal_rank',
] %}
{% set severity -%}
case abnormal_flag
            when 'critical' then 1 when 'abnormal' then 2 when 'unmapped' then 3 when 'undetermined' then 4
            else 5
        end
{%- endset %}
with message_flags as (
    select statement_order, min({{ severity }}) as abnormal_rank
    from {{ ref('stg_hl7v2__interpretation') }}
    group by statement_order
),

message_results as (
    select
        s.*,
        nullif(nullif(s.result_status, ''), '""') as stated_status,
        f.abnormal_rank,
        -- What one message calls critical, the next part of the result does not take back; a correction does.
        max(case when s.result_status = 'corrected' then s.statement_order end) over (
            partition by s.order_key
        ) as corrected_order
    from {{ ref('int__order_statement') }} as s
    left join message_flags as f on f.statement_order = s.statement_order
    where
        s.feed = 'orders'
        and s.order_key is not null
        and (s.result_status is not null or f.abnormal_rank is not null)
        and not coalesce(s.recorded_at > {{ as_of() }}, false)
),

by_message as (
    select
        {{ key('result', ['order_key']) }} as result_key,
        'orders' as feed,
        order_key,
        {{ latest_by('patient_key', 'statement_order') }} as patient_key,
        {{ latest_by('visit_key', 'statement_order') }} as visit_key,
        {{ latest_by("nullif(order_category, '')", 'statement_order') }} as result_category,
        {{ latest_by('code_system', 'statement_order') }} as code_system,
        {{ latest_by('code', 'statement_order') }} as code,
        {{ latest_by('display', 'statement_order') }} as display,
        {{ latest_by('stated_status', 'statement_order') }} as result_status,
        min(case when stated_status in ('final', 'corrected') then coalesce(resulted_at, recorded_at) end)
            as resulted_at,
        max(case when stated_status = 'corrected' then coalesce(resulted_at, recorded_at) end)
            as corrected_at,
        min(case when statement_order >= coalesce(corrected_order, '') then abnormal_rank end)
            as abnormal_rank,
        max(statement_order) as statement_order,
        {{ latest_by('source_system', 'statement_order') }} as source_system,
        {{ latest_by('source_ref', 'statement_order') }} as source_ref,
        {{ latest_by('recorded_at', 'statement_order') }} as recorded_at
    from message_results
    group by order_key
),

versions as (
    select
        *,
        min(case when result_status = 'final' then resulted_at end) over (
            partition by source_system, resource_type, resource_id
        ) as final_at
    from {{ ref('stg_fhir__result') }}
),

histories as (
    select
        source_system,
        resource_type,
        resource_id,
        min(case when result_status in ('final', 'corrected') then coalesce(resulted_at, recorded_at) end)
            as resulted_at,
        -- Some leave the time of the first issue on what they corrected.
        max(
            case
                when result_status <> 'corrected' then null
                when resulted_at is null or resulted_at <= final_at then recorded_at
                else resulted_at
            end
        ) as corrected_at,
        min(statement_order) as first_order
    from versions
    group by source_system, resource_type, resource_id
),

reports as (
    select
        v.*,
        p.patient_key,
        e.visit_key,
        h.resulted_at as first_resulted_at,
        h.corrected_at,
        h.first_order
    from versions as v
    inner join histories as h
        on h.source_system = v.source_system
        and h.resource_type = v.resource_type
        and h.resource_id = v.resource_id
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = v.source_system and p.resource_id = v.patient_resource_id
    left join {{ ref('int__fhir_encounter') }} as e
        on e.source_system = v.source_system and e.resource_id = v.encounter_resource_id
    where v.is_current
),

report_flags as (
    select l.source_system, l.resource_type, l.resource_id, min({{ severity }}) as abnormal_rank
    from {{ ref('stg_fhir__result_link') }} as l
    inner join {{ ref('stg_fhir__interpretation') }} as i
        on i.source_system = l.source_system and i.resource_id = l.observation_resource_id
    group by l.source_system, l.resource_type, l.resource_id
),

-- The orders that a report names, else the only one of its patient that has one of its numbers.
named_orders as (
    select distinct l.source_system, l.resource_type, l.resource_id, o.order_key
    from {{ ref('stg_fhir__result_link') }} as l
    inner join {{ ref('int__fhir_order') }} as o
        on o.source_system = l.source_system and o.resource_id = l.service_request_resource_id
),

numbers as (
    {% for number in ['placer_number', 'filler_number'] %}
    select patient_key, {{ number }} as number, order_key
    from {{ ref('int__order_statement') }}
    where {{ held(number) }} is not null and patient_key is not null
    {{ "union" if not loop.last }}
    {% endfor %}
),

numbered_orders as (
    select r.source_system, r.resource_type, r.resource_id, min(n.order_key) as order_key
    from reports as r
    inner join {{ ref('stg_fhir__result_link') }} as l
        on l.source_system = r.source_system
        and l.resource_type = r.resource_type
        and l.resource_id = r.resource_id
    inner join numbers as n on n.number = l.number and n.patient_key = r.patient_key
    group by r.source_system, r.resource_type, r.resource_id
    having count(distinct n.order_key) = 1
),

linked as (
    select
        r.*,
        coalesce(n.order_key, u.order_key) as order_key,
        row_number() over (
            partition by coalesce(n.order_key, u.order_key)
            order by r.first_order, r.source_system, r.resource_type, r.resource_id
        ) as report_rank
    from reports as r
    left join named_orders as n
        on n.source_system = r.source_system
        and n.resource_type = r.resource_type
        and n.resource_id = r.resource_id
    left join numbered_orders as u
        on u.source_system = r.source_system
        and u.resource_type = r.resource_type
        and u.resource_id = r.resource_id
),

keyed as (
    select
        *,
        case
            when order_key is null then {{ key('result', ['source_system', 'resource_type', 'resource_id']) }}
            when report_rank = 1 then {{ key('result', ['order_key']) }}
            else {{ key('result', ['source_system', 'resource_type', 'resource_id', 'order_key']) }}
        end as result_key
    from linked
),

by_feed as (
    select
        result_key,
        feed,
        {{ attributes | join(',\n        ') }},
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from by_message
    union all
    select
        k.result_key,
        {{ fhir_feed('k.source_system') }} as feed,
        k.order_key,
        k.patient_key,
        k.visit_key,
        k.result_category,
        k.code_system,
        k.code,
        k.display,
        k.result_status,
        k.first_resulted_at as resulted_at,
        k.corrected_at,
        f.abnormal_rank,
        k.statement_order,
        k.source_system,
        k.source_ref,
        k.recorded_at
    from keyed as k
    left join report_flags as f
        on f.source_system = k.source_system
        and f.resource_type = k.resource_type
        and f.resource_id = k.resource_id
),

decided as (
    select
        b.result_key,
        {% for name in attributes %}
        {{ earliest_by('b.' ~ name, 'a.result_rank') }} as {{ name }},
        {% endfor %}
        count(distinct b.result_status) > 1 as is_disputed,
        {{ latest_by('b.source_system', 'b.statement_order') }} as source_system,
        {{ latest_by('b.source_ref', 'b.statement_order') }} as source_ref,
        {{ latest_by('b.recorded_at', 'b.statement_order') }} as recorded_at
    from by_feed as b
    left join {{ authority_ranks(ref('authority'), 'order', ['result']) }} as a on a.feed = b.feed
    group by b.result_key
),

-- A review is of a report, of an Observation in it, or of the order.
review_targets as (
    select k.result_key, v.review_signal, v.reviewed_at, v.source_system, v.practitioner_resource_id
    from keyed as k
    inner join {{ ref('stg_fhir__review') }} as v
        on v.source_system = k.source_system and v.result_resource_id = k.resource_id
    union all
    select k.result_key, v.review_signal, v.reviewed_at, v.source_system, v.practitioner_resource_id
    from keyed as k
    inner join {{ ref('stg_fhir__result_link') }} as l
        on l.source_system = k.source_system
        and l.resource_type = k.resource_type
        and l.resource_id = k.resource_id
    inner join {{ ref('stg_fhir__review') }} as v
        on v.source_system = l.source_system and v.result_resource_id = l.observation_resource_id
    union all
    select d.result_key, v.review_signal, v.reviewed_at, v.source_system, v.practitioner_resource_id
    from {{ ref('stg_fhir__review') }} as v
    inner join {{ ref('int__fhir_order') }} as o
        on o.source_system = v.source_system and o.resource_id = v.service_request_resource_id
    inner join decided as d on d.order_key = o.order_key
),

reviews as (
    select
        t.result_key,
        max(t.review_signal) as review_signal,
        max(t.reviewed_at) as reviewed_at,
        {{ latest_by('p.practitioner_key', time_text('t.reviewed_at') ~ ' || p.practitioner_key') }}
            as reviewed_by_key
    from review_targets as t
    left join {{ ref('stg_fhir__practitioner') }} as p
        on p.source_system = t.source_system
        and p.resource_id = t.practitioner_resource_id
        and t.reviewed_at is not null
    where not coalesce(t.reviewed_at > {{ as_of() }}, false)
    group by t.result_key
)

select
    d.result_key,
    d.order_key,
    d.patient_key,
    d.visit_key,
    d.result_category,
    d.code_system,
    d.code,
    d.display,
    d.result_status,
    d.resulted_at,
    d.corrected_at,
    case d.abnormal_rank
        when 1 then 'critical' when 2 then 'abnormal' when 3 then 'unmapped' when 4 then 'undetermined'
        when 5 then 'normal'
    end as abnormal_flag,
    coalesce(d.abnormal_rank = 1, false) as is_critical,
    coalesce(r.review_signal, 'none') as review_signal,
    r.reviewed_at,
    r.reviewed_by_key,
    coalesce(r.reviewed_at >= coalesce(d.corrected_at, d.resulted_at, r.reviewed_at), false) as is_reviewed,
    d.source_system,
    d.source_ref,
    d.recorded_at,
    {{ flags([
        ['no_patient', 'd.patient_key is null'],
        ['no_order', 'd.order_key is null'],
        ['no_status', 'd.result_status is null'],
        ['no_result_time', "d.result_status in ('final', 'corrected') and d.resulted_at is null"],
        ['unmapped_status', "d.result_status = 'unmapped'"],
        ['unmapped_category', "d.result_category = 'unmapped'"],
        ['no_abnormal_flag', 'd.abnormal_rank is null'],
        ['status_disputed', 'd.is_disputed'],
        ['corrected_after_review', 'r.reviewed_at < d.corrected_at'],
    ]) }} as quality_flags
from decided as d
left join reviews as r on r.result_key = d.result_key

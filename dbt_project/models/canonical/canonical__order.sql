-- Grain: one row per order_key. The latest statement of the best-ranked feed counts; an order that
-- ended stays ended.
{% set request_columns = [
    'placer_number',
    'filler_number',
    'group_number',
    'order_category',
    'code_system',
    'code',
    'display',
] %}
{% set latest_columns = request_columns + [
    'patient_key',
    'visit_key',
    'status',
    'intent',
    'priority',
    'requested_for_at',
    'result_status',
    'resulted_at',
    'collected_at',
    'practitioner_key',
    'source_system',
    'source_ref',
    'recorded_at',
] %}
{% set severity -%}
case abnormal_flag
            when 'critical' then 1 when 'abnormal' then 2 when 'unmapped' then 3 when 'undetermined' then 4
            else 5
        end
{%- endset %}
with statements as (
    select
        *,
        case
            when status in ('completed', 'revoked', 'entered-in-error') then status
        end as terminal_status,
        coalesce(recorded_at > {{ as_of() }}, false) as is_in_future
    from {{ ref('int__order_statement') }}
),

by_feed as (
    select
        order_key,
        feed,
        {% for name in latest_columns + ['terminal_status'] %}
        {% if name in ['status', 'terminal_status', 'result_status', 'resulted_at', 'collected_at'] %}
        -- What is stated of a time to come changes nothing yet.
        {{ latest_by('case when not is_in_future then ' ~ name ~ ' end', 'statement_order') }} as {{ name }},
        {% else %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endif %}
        {% endfor %}
        max(case when is_in_future then 1 else 0 end) as has_future,
        {{ earliest_by('ordered_at', 'statement_order') }} as ordered_at,
        max(case when is_ambiguous then 1 else 0 end) as is_ambiguous,
        max(statement_order) as statement_order
    from statements
    group by order_key, feed
),

steps as (
    select
        order_key,
        min(case when event_type = 'order_accepted' then occurred_at end) as accepted_at,
        max(case when event_type = 'order_scheduled' then occurred_at end) as scheduled_at,
        max(case when event_type = 'order_performed' then occurred_at end) as performed_at,
        max(case when event_type = 'order_corrected' then occurred_at end) as corrected_at
    from {{ ref('int__order_event') }}
    where not is_in_future and not is_confirmed
    group by order_key
),

-- Of several reports on an order the one that somebody has to see first.
results as (
    select
        order_key,
        {{ earliest_by('abnormal_flag', severity) }} as abnormal_flag
    from {{ ref('canonical__diagnostic_result') }}
    where order_key is not null
    group by order_key
),

orders as (
    select
        f.order_key,
        -- The lowest rank is the best: "earliest" by rank is the value of the best feed that states one.
        {{ earliest_by('f.patient_key', 'a.request_rank') }} as patient_key,
        {{ earliest_by('f.visit_key', 'a.request_rank') }} as visit_key,
        {% for name in request_columns %}
        {{ decided('f.' ~ name, 'a.request_rank') }} as {{ name }},
        {% endfor %}
        coalesce(
            -- An end stated by any feed counts before the present status of the best one: the patient of an
            -- order that was done would go on waiting for it.
            {{ latest_by('f.terminal_status', 'f.statement_order') }},
            {{ decided('f.status', 'a.request_rank') }},
            'unknown'
        ) as status,
        coalesce({{ earliest_by('f.intent', 'a.request_rank') }}, 'order') as intent,
        coalesce({{ decided('f.priority', 'a.request_rank') }}, 'routine') as priority,
        {{ earliest_by('f.ordered_at', 'a.request_rank') }} as ordered_at,
        {{ earliest_by('f.requested_for_at', 'a.request_rank') }} as requested_for_at,
        {{ decided('f.result_status', 'a.request_rank') }} as result_status,
        {{ earliest_by('f.resulted_at', 'a.request_rank') }} as resulted_at,
        {{ earliest_by('f.collected_at', 'a.request_rank') }} as collected_at,
        {{ earliest_by('f.practitioner_key', 'a.request_rank') }} as practitioner_key,
        {{ latest_by('f.source_system', 'f.statement_order') }} as source_system,
        {{ latest_by('f.source_ref', 'f.statement_order') }} as source_ref,
        {{ latest_by('f.recorded_at', 'f.statement_order') }} as recorded_at,
        max(f.placer_number) is null as is_without_placer_number,
        max(f.has_future) = 1 as is_in_future,
        min(f.ordered_at) is null as is_without_order_time,
        max(f.is_ambiguous) = 1 as is_ambiguous
    from by_feed as f
    left join {{ authority_ranks(ref('authority'), 'order', ['request']) }} as a on a.feed = f.feed
    group by f.order_key
)

select
    o.order_key,
    o.patient_key,
    o.visit_key,
    o.placer_number,
    o.filler_number,
    o.group_number,
    -- No code and no name of a department: `unknown`. A code that no map has is `unmapped`.
    coalesce(o.order_category, 'unknown') as order_category,
    o.code_system,
    o.code,
    o.display,
    o.status,
    o.intent,
    o.priority,
    o.ordered_at,
    o.requested_for_at,
    s.accepted_at,
    s.scheduled_at,
    coalesce(o.collected_at, s.performed_at) as collected_or_performed_at,
    o.result_status,
    o.resulted_at,
    s.corrected_at,
    r.abnormal_flag,
    -- A flag that nobody knows may mean critical: then this is not known either.
    case when r.abnormal_flag <> 'unmapped' then r.abnormal_flag = 'critical' end as is_critical,
    coalesce(b.blocks_step, 'unknown') as blocks_step,
    o.practitioner_key,
    o.source_system,
    o.source_ref,
    o.recorded_at,
    {{ flags([
        ['no_placer_number', 'o.is_without_placer_number'],
        ['in_future', 'o.is_in_future'],
        ['no_order_time', 'o.is_without_order_time'],
        ['ambiguous_number', 'o.is_ambiguous'],
        ['category_unknown', "coalesce(o.order_category, 'unknown') in ('unknown', 'unmapped')"],
        [
            'resulted_but_active',
            "o.status = 'active' and o.result_status in ('final', 'corrected')",
        ],
    ]) }} as quality_flags
from orders as o
left join steps as s on s.order_key = o.order_key
left join results as r on r.order_key = o.order_key
left join {{ ref('order_step') }} as b on b.order_category = coalesce(o.order_category, 'unknown')

-- Grain: one row per order_key. The latest statement of the best-ranked feed counts; an order that
-- ended stays ended.
{% set request_columns = [
    'placer_number',
    'filler_number',
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
    'practitioner_key',
    'source_system',
    'source_ref',
    'recorded_at',
] %}
with statements as (
    select
        *,
        case
            when status in ('completed', 'revoked', 'entered-in-error') then status
        end as terminal_status
    from {{ ref('int__order_statement') }}
),

by_feed as (
    select
        order_key,
        feed,
        {% for name in latest_columns + ['terminal_status'] %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        {{ earliest_by('ordered_at', 'statement_order') }} as ordered_at,
        max(statement_order) as statement_order
    from statements
    group by order_key, feed
)

select
    f.order_key,
    -- The lowest rank is the best: "earliest" by rank is the value of the best feed that states one.
    {{ earliest_by('f.patient_key', 'a.request_rank') }} as patient_key,
    {{ earliest_by('f.visit_key', 'a.request_rank') }} as visit_key,
    {% for name in request_columns %}
    {{ decided('f.' ~ name, 'a.request_rank') }} as {{ name }},
    {% endfor %}
    coalesce(
        -- An end stated by any feed counts before the present status of the best one: the patient of an order
        -- that was done would go on waiting for it.
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
    {{ earliest_by('f.practitioner_key', 'a.request_rank') }} as practitioner_key,
    {{ latest_by('f.source_system', 'f.statement_order') }} as source_system,
    {{ latest_by('f.source_ref', 'f.statement_order') }} as source_ref,
    {{ latest_by('f.recorded_at', 'f.statement_order') }} as recorded_at,
    {{ flags([
        ['no_placer_number', 'max(f.placer_number) is null'],
        ['no_order_time', 'min(f.ordered_at) is null'],
    ]) }} as quality_flags
from by_feed as f
left join {{ authority_ranks(ref('authority'), 'order', ['request']) }} as a on a.feed = f.feed
group by f.order_key

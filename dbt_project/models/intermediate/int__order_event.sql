-- Grain: one row per event of an order that a feed states (seed order_event), and time of it. What a
-- better-ranked feed states as well is marked `is_confirmed`.
{% set elements = [
    ('ORC-1', 'order_control'),
    ('ORC-5', 'status_code'),
    ('OBR-25', 'result_status_code'),
    ('collected', "case when collected_at is not null then 'stated' end"),
    ('result_status', 'result_status'),
    ('status', 'status'),
    ('ServiceRequest', "case when source_trigger = 'ServiceRequest.status' then 'stated' end"),
] %}
{% set names = [
    'order_key', 'patient_key', 'visit_key', 'feed', 'source_system', 'source_ref', 'recorded_at',
    'statement_order', 'is_stamped', 'source_trigger', 'control_id', 'ordered_at', 'ordered_precision',
    'transaction_at', 'transaction_precision', 'collected_at', 'collected_precision', 'resulted_at',
    'resulted_precision',
] %}
with words as (
    {% for element, code in elements %}
    select
        {{ names | join(', ') }},
        '{{ element }}' as element,
        {{ code }} as code
    from {{ ref('int__order_statement') }}
    union all
    {% endfor %}
    select
        o.order_key,
        {{ null_columns(['patient_key', 'visit_key']) }},
        {{ fhir_feed('t.source_system') }} as feed,
        t.source_system,
        t.source_ref,
        t.recorded_at,
        t.statement_order,
        t.is_stamped,
        'Task.status' as source_trigger,
        {{ null_columns(['control_id', 'ordered_at', 'ordered_precision']) }},
        t.last_touched_at as transaction_at,
        t.last_touched_precision as transaction_precision,
        {{ null_columns(['collected_at', 'collected_precision', 'resulted_at', 'resulted_precision']) }},
        'Task.status' as element,
        t.status as code
    from {{ ref('stg_fhir__task') }} as t
    inner join {{ ref('int__fhir_order') }} as o
        on o.source_system = t.source_system and o.resource_id = t.service_request_resource_id
    where t.task_type = 'fulfill'
),

timed as (
    select
        w.*,
        e.event_type,
        case e.time_from
            when 'ordered' then w.ordered_at
            when 'performed' then coalesce(w.collected_at, w.transaction_at)
            when 'resulted' then w.resulted_at
            else w.transaction_at
        end as stated_at,
        case e.time_from
            when 'ordered' then w.ordered_precision
            when 'performed'
                then case
                    when w.collected_at is not null then w.collected_precision
                    else w.transaction_precision
                end
            when 'resulted' then w.resulted_precision
            else w.transaction_precision
        end as time_precision
    from words as w
    inner join {{ ref('order_event') }} as e on e.element = w.element and e.code = w.code
),

placed as (
    select
        *,
        coalesce(stated_at, recorded_at) as occurred_at,
        -- Of what is stated again with the same time the first statement is the event.
        feed
        || '|'
        || order_key
        || '|'
        || event_type
        || '|'
        || coalesce({{ time_text('coalesce(stated_at, recorded_at)') }}, '') as event_seed
    from timed
    -- A request that does not say when it was made was not placed when it was exported.
    where event_type <> 'order_placed' or stated_at is not null
),

ranked as (
    select
        e.*,
        cast(coalesce(a.rank, 1) as integer) as rank,
        min(cast(coalesce(a.rank, 1) as integer)) over (
            partition by e.order_key, e.event_type
        ) as best_rank
    from {{ first_ranked('placed', 'event_seed', 'statement_order, source_ref') }} as e
    left join {{ ref('authority') }} as a
        on a.object = 'order' and a.element = 'request' and a.feed = e.feed
)

select
    event_seed,
    {{ uuid5("('event|' || event_seed)") }} as event_id,
    order_key,
    patient_key,
    visit_key,
    event_type,
    occurred_at,
    time_precision,
    recorded_at,
    statement_order,
    source_trigger,
    control_id,
    feed,
    source_system,
    source_ref,
    rank > best_rank as is_confirmed,
    coalesce(occurred_at > {{ as_of() }}, false) as is_in_future
from ranked

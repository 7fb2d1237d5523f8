-- Grain: one row per statement of a feed about an order, in one shape for messages and resources.
select
    o.source_system,
    o.source_ref,
    o.message_at as recorded_at,
    o.statement_order,
    o.is_stamped,
    o.feed,
    k.order_key,
    k.is_ambiguous,
    p.patient_key,
    v.visit_key,
    o.placer_number,
    o.filler_number,
    o.placer_group_number as group_number,
    o.order_category,
    o.code_system,
    o.code,
    o.display,
    coalesce(
        -- What is stated outright (ORC-5) before what follows from it: the result, then the order control.
        o.order_status,
        case
            when o.result_status in ('final', 'corrected') then 'completed'
            when o.result_status = 'cancelled' then 'revoked'
        end,
        o.control_status
    ) as status,
    {{ null_columns(['intent']) }},
    o.priority,
    -- ORC-9 is the time of this message's action: only of a new order is it the time of the order.
    case when o.order_control = 'NW' then o.transaction_at end as ordered_at,
    case when o.order_control = 'NW' then o.transaction_precision end as ordered_precision,
    o.requested_for_at,
    o.result_status,
    case when o.result_status is not null then coalesce(o.resulted_at, o.message_at) end as resulted_at,
    case
        when o.resulted_at is not null then o.resulted_precision
        when o.is_stamped then 'second'
    end as resulted_precision,
    o.collected_at,
    o.collected_precision,
    o.transaction_at,
    o.transaction_precision,
    o.order_control,
    o.status_code,
    o.result_status_code,
    o.practitioner_key,
    o.control_id,
    o.message_type || '^' || o.trigger_event as source_trigger
from {{ ref('stg_hl7v2__order') }} as o
inner join {{ ref('int__order_key') }} as k
    on {{ same_staged_message('o', 'k') }} and k.statement_order = o.statement_order
left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('o', 'p') }}
left join {{ ref('int__message_visit') }} as v on {{ same_patient_group('o', 'v') }}
union all
select
    r.source_system,
    r.source_ref,
    r.recorded_at,
    r.statement_order,
    r.is_stamped,
    {{ fhir_feed('r.source_system') }} as feed,
    o.order_key,
    o.is_ambiguous,
    p.patient_key,
    e.visit_key,
    r.placer_number,
    r.filler_number,
    r.group_number,
    r.order_category,
    r.code_system,
    r.code,
    r.display,
    r.order_status as status,
    r.intent,
    r.priority,
    r.ordered_at,
    r.ordered_precision,
    r.requested_for_at,
    {{ null_columns([
        'result_status', 'resulted_at', 'resulted_precision', 'collected_at', 'collected_precision',
    ]) }},
    r.recorded_at as transaction_at,
    case when r.is_stamped then 'second' end as transaction_precision,
    {{ null_columns(['order_control', 'status_code', 'result_status_code']) }},
    d.practitioner_key,
    {{ null_columns(['control_id']) }},
    'ServiceRequest.status' as source_trigger
from {{ ref('stg_fhir__service_request') }} as r
inner join {{ ref('int__order_key') }} as o
    on o.source_system = r.source_system and o.resource_id = r.resource_id
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = r.source_system and p.resource_id = r.patient_resource_id
left join {{ ref('int__fhir_encounter') }} as e
    on e.source_system = r.source_system and e.resource_id = r.encounter_resource_id
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = r.source_system and d.resource_id = r.requester_resource_id
where r.is_current and not r.is_referral
union all
-- A report says what became of the order that it is based on; the request says whether the order is over.
select
    r.source_system,
    r.source_ref,
    r.recorded_at,
    r.statement_order,
    r.is_stamped,
    {{ fhir_feed('r.source_system') }} as feed,
    o.order_key,
    false as is_ambiguous,
    {{ null_columns([
        'patient_key', 'visit_key', 'placer_number', 'filler_number', 'group_number', 'order_category',
        'code_system', 'code', 'display', 'status', 'intent', 'priority', 'ordered_at', 'ordered_precision',
        'requested_for_at',
    ]) }},
    r.result_status,
    coalesce(r.resulted_at, r.recorded_at) as resulted_at,
    case when r.resulted_at is not null or r.is_stamped then 'second' end as resulted_precision,
    r.performed_at as collected_at,
    case when r.performed_at is not null then 'second' end as collected_precision,
    coalesce(r.resulted_at, r.recorded_at) as transaction_at,
    case when r.resulted_at is not null or r.is_stamped then 'second' end as transaction_precision,
    {{ null_columns([
        'order_control', 'status_code', 'result_status_code', 'practitioner_key', 'control_id',
    ]) }},
    r.resource_type || '.status' as source_trigger
from {{ ref('stg_fhir__result') }} as r
inner join {{ ref('stg_fhir__result_link') }} as l
    on l.source_system = r.source_system
    and l.resource_type = r.resource_type
    and l.resource_id = r.resource_id
inner join {{ ref('int__fhir_order') }} as o
    on o.source_system = l.source_system and o.resource_id = l.service_request_resource_id
where r.is_current

-- Grain: one row per statement of a feed about an order, in one shape for messages and resources.
select
    o.source_system,
    o.source_ref,
    o.message_at as recorded_at,
    o.statement_order,
    o.feed,
    case
        when o.placer_number is not null
            then {{ placer_order_key('o.placer_authority', 'o.placer_number') }}
        else coalesce(a.order_key, {{ filler_order_key('o.filler_authority', 'o.filler_number') }})
    end as order_key,
    p.patient_key,
    v.visit_key,
    o.placer_number,
    o.filler_number,
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
    o.requested_for_at,
    o.result_status,
    case when o.result_status is not null then coalesce(o.resulted_at, o.message_at) end as resulted_at,
    o.practitioner_key,
    o.control_id,
    o.message_type || '^' || o.trigger_event as source_trigger
from {{ ref('stg_hl7v2__order') }} as o
left join {{ ref('int__order_alias') }} as a
    on a.filler_authority = o.filler_authority and a.filler_number = o.filler_number
left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('o', 'p') }}
left join {{ ref('int__message_visit') }} as v on {{ same_patient_group('o', 'v') }}
where o.placer_number is not null or o.filler_number is not null
union all
select
    r.source_system,
    r.source_ref,
    r.recorded_at,
    r.statement_order,
    'fhir' as feed,
    o.order_key,
    p.patient_key,
    e.visit_key,
    r.placer_number,
    r.filler_number,
    r.order_category,
    r.code_system,
    r.code,
    r.display,
    r.order_status as status,
    r.intent,
    r.priority,
    r.ordered_at,
    r.requested_for_at,
    {{ null_columns(['result_status', 'resulted_at']) }},
    d.practitioner_key,
    {{ null_columns(['control_id']) }},
    'ServiceRequest.status' as source_trigger
from {{ ref('stg_fhir__service_request') }} as r
inner join {{ ref('int__fhir_order') }} as o
    on o.source_system = r.source_system and o.resource_id = r.resource_id
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = r.source_system and p.resource_id = r.patient_resource_id
left join {{ ref('int__fhir_encounter') }} as e
    on e.source_system = r.source_system and e.resource_id = r.encounter_resource_id
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = r.source_system and d.resource_id = r.requester_resource_id
where r.is_current and not r.is_referral

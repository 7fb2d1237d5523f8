-- Grain: one row per ServiceRequest that is an order (winning version), with its key.
select
    r.source_system,
    r.resource_id,
    r.placer_authority,
    r.placer_number,
    case
        -- As for messages (int__order_statement), or the resource and the message would be two orders.
        when r.placer_number is not null
            then {{ placer_order_key('r.placer_authority', 'r.placer_number') }}
        when r.filler_number is not null
            then coalesce(a.order_key, {{ filler_order_key('r.filler_authority', 'r.filler_number') }})
        else {{ key('order', ['r.source_system', "'ServiceRequest'", 'r.resource_id']) }}
    end as order_key
from {{ ref('stg_fhir__service_request') }} as r
left join {{ ref('int__order_alias') }} as a
    on a.filler_authority = r.filler_authority and a.filler_number = r.filler_number
where r.is_current and not r.is_referral

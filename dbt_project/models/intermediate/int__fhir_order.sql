-- Grain: one row per ServiceRequest that is an order (winning version), with its key.
select
    source_system,
    resource_id,
    min(order_key) as order_key
from {{ ref('int__order_key') }}
where resource_id is not null
group by source_system, resource_id

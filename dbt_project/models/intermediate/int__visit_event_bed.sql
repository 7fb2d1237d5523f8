-- Grain: one row per bed status that is stated: by A20 (NPU), or by a version of a Location. A version
-- that states what the one before it stated counts too: between two exports a bed may come full circle.
select
    b.source_system
        || '|' || b.content_sha256
        || '|' || cast(b.segment as string)
        || '|' || s.event_type as event_seed,
    {{ bed_key('b.location_facility', 'b.location_code') }} as bed_key,
    {{ location_key('b.location_facility', 'b.location_unit') }} as location_key,
    {{ location_key('b.location_facility', 'b.location_code') }} as exact_location_key,
    {{ null_columns(['visit_key', 'patient_key', 'referral_key', 'order_key']) }},
    s.event_type,
    coalesce(b.occurred_at, b.recorded_at) as occurred_at,
    case when b.occurred_at is not null then b.occurred_precision when b.is_stamped then 'second' end
        as time_precision,
    b.recorded_at,
    b.statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    'explicit' as confidence,
    b.occurred_at is not null or b.is_stamped as is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    b.message_type || '^' || b.trigger_event as source_trigger,
    b.control_id,
    b.feed,
    b.source_system,
    b.source_ref
from {{ ref('stg_hl7v2__bed_status') }} as b
inner join {{ ref('status_event') }} as s
    on s.resource_type = 'Location' and s.status = b.operational_status
union all
select
    v.source_system
        || '|Location|' || v.resource_id
        || '|' || s.event_type
        -- By time and not by content: the same status after another one is an event of its own.
        || '|' || {{ time_text('v.recorded_at') }} as event_seed,
    {{ bed_key('v.facility', 'v.location_code') }} as bed_key,
    l.unit_location_key as location_key,
    l.location_key as exact_location_key,
    {{ null_columns(['visit_key', 'patient_key', 'referral_key', 'order_key']) }},
    s.event_type,
    v.recorded_at as occurred_at,
    case when v.is_stamped then 'second' end as time_precision,
    v.recorded_at,
    v.statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    'explicit' as confidence,
    v.is_stamped as is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    'Location.operationalStatus' as source_trigger,
    {{ null_columns(['control_id']) }},
    {{ fhir_feed('v.source_system') }} as feed,
    v.source_system,
    v.source_ref
from {{ ref('stg_fhir__location') }} as v
inner join {{ ref('int__fhir_location') }} as l
    on l.source_system = v.source_system and l.resource_id = v.resource_id and l.bed_key is not null
inner join {{ ref('status_event') }} as s
    on s.resource_type = 'Location' and s.status = v.operational_status

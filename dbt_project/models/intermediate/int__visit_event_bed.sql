-- Grain: one row per bed status that is told: by A20 (NPU), or by a version of a Location. A version
-- that says what the one before it said is told too: between two exports a bed may come full circle.
select
    b.source_system || '|' || b.content_sha256 || '|' || cast(b.segment as varchar) || '|' || s.event_type as event_seed,
    cast(null as varchar) as visit_key,
    cast(null as varchar) as patient_key,
    {{ bed_key('b.location_facility', 'b.location_code') }} as bed_key,
    {{ location_key('b.location_facility', 'b.location_unit') }} as location_key,
    {{ location_key('b.location_facility', 'b.location_code') }} as place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    s.event_type,
    coalesce(b.occurred_at, b.recorded_at) as occurred_at,
    b.recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    'explicit' as confidence,
    true as is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    b.message_type || '^' || b.trigger_event as source_trigger,
    b.control_id,
    b.feed,
    b.source_system,
    b.source_ref
from {{ ref('stg_hl7v2__bed_status') }} as b
inner join {{ ref('status_event') }} as s on s.resource_type = 'Location' and s.status = b.operational_status
union all
select
    v.source_system || '|Location|' || v.resource_id || '|' || s.event_type || '|' || {{ time_text('v.recorded_at') }} as event_seed,
    cast(null as varchar) as visit_key,
    cast(null as varchar) as patient_key,
    {{ bed_key('v.facility', 'v.location_code') }} as bed_key,
    l.unit_location_key as location_key,
    l.location_key as place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    s.event_type,
    v.recorded_at as occurred_at,
    v.recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    'explicit' as confidence,
    true as is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    'Location.operationalStatus' as source_trigger,
    cast(null as varchar) as control_id,
    'fhir' as feed,
    v.source_system,
    v.source_ref
from {{ ref('stg_fhir__location') }} as v
inner join {{ ref('int__fhir_location') }} as l
    on l.source_system = v.source_system and l.resource_id = v.resource_id and l.bed_key is not null
inner join {{ ref('status_event') }} as s on s.resource_type = 'Location' and s.status = v.operational_status

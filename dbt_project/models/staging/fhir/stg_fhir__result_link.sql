{{ config(materialized='table', database='scratch') }}
-- Grain: one row per thing by which a result (stg_fhir__result) names its order or has a part: an order that
-- it is based on, a number of the placer or filler, an Observation that it holds.
{% set references = ref('stg_fhir__reference') %}
select
    b.source as source_system,
    'DiagnosticReport' as resource_type,
    b.id as resource_id,
    coalesce(b.service_request_id, named.target_id) as service_request_resource_id,
    cast(null as string) as number,
    cast(null as string) as observation_resource_id
from {{ current_version(
    source('lake', 'fhir__diagnostic_report_based_on'), ref('stg_fhir__version'), 'DiagnosticReport'
) }} as b
left join {{ references }} as named
    on {{ same_version('named', 'b', 'DiagnosticReport') }}
    and named.element = 'basedOn'
    and named.ordinal = b.ordinal
    and named.target_type = 'ServiceRequest'
where b.service_request_id is not null or named.target_id is not null
union all
select
    i.source as source_system,
    'DiagnosticReport' as resource_type,
    i.id as resource_id,
    cast(null as string) as service_request_resource_id,
    i.value as number,
    cast(null as string) as observation_resource_id
from {{ current_version(
    source('lake', 'fhir__diagnostic_report_identifier'), ref('stg_fhir__version'), 'DiagnosticReport'
) }} as i
where i.value is not null and coalesce(i.use, '') <> 'old'
union all
select
    r.source as source_system,
    'DiagnosticReport' as resource_type,
    r.id as resource_id,
    cast(null as string) as service_request_resource_id,
    cast(null as string) as number,
    r.observation_id as observation_resource_id
from {{ current_version(
    source('lake', 'fhir__diagnostic_report_result'), ref('stg_fhir__version'), 'DiagnosticReport'
) }} as r
where r.observation_id is not null
union all
select
    o.source as source_system,
    'Observation' as resource_type,
    o.id as resource_id,
    o.based_on_id as service_request_resource_id,
    cast(null as string) as number,
    o.id as observation_resource_id
from {{ current_version(
    source('lake', 'fhir__observation'), ref('stg_fhir__version'), 'Observation'
) }} as o
where o.based_on_id is not null

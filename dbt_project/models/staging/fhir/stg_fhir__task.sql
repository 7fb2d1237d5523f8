{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a Task; `is_current` marks the winning one.
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('t') }},
    {{ fhir_order('t') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    t.content_sha256,
    {{ key('task', ['t.source', 't.id']) }} as task_key,
    coalesce(
        t.patient_id, {{ named_id(references, 't', 'Task', 'for', 'Patient') }}
    ) as patient_resource_id,
    coalesce(
        t.encounter_id, {{ named_id(references, 't', 'Task', 'encounter', 'Encounter') }}
    ) as encounter_resource_id,
    coalesce(
        t.focus_service_request_id,
        t.based_on_id,
        {{ named_id(references, 't', 'Task', 'focus', 'ServiceRequest') }},
        {{ named_id(references, 't', 'Task', 'basedOn', 'ServiceRequest') }}
    ) as service_request_resource_id,
    coalesce(
        t.location_id, {{ named_id(references, 't', 'Task', 'location', 'Location') }}
    ) as location_resource_id,
    coalesce({{ mapped('kind', 't.code') }}, 'unmapped') as task_type,
    t.code,
    t.status,
    t.business_status_code as business_status,
    {{ mapped('referral', 't.business_status_code') }} as referral_state,
    coalesce({{ mapped('priority', 't.priority') }}, 'routine') as priority,
    t.owner_reference,
    t.authored_on_at as created_at,
    t.restriction_period_end_at as due_at,
    t.execution_period_start_at as started_at,
    t.execution_period_end_at as completed_at,
    t.last_modified_at as last_touched_at,
    case
        when t.requester_reference like 'Device/%' then 'automation'
        when t.requester_reference like 'Practitioner%' then 'human'
        else 'source'
    end as origin
from {{ source('lake', 'fhir__task') }} as t
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 't', 'Task') }}
{{ join_code_map(ref('code_map_task_type'), 'kind', 't.source', 't.code') }}
{{ join_code_map(ref('code_map_priority'), 'priority', 't.source', 't.priority') }}
{{ join_code_map(ref('code_map_referral_status'), 'referral', 't.source', 't.business_status_code') }}

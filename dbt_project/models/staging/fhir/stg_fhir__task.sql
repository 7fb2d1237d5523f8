{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a Task; `is_current` marks the winning one.
{% set zone = source_zone('t.source') %}
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('t', 'winner') }},
    {{ fhir_order('winner') }} as statement_order,
    winner.is_stamped,
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
    -- Words without a code (`code.text`) are no code that a map could know.
    coalesce(k.to_code, 'unknown') as task_type,
    k.code,
    t.status,
    t.status_reason_code,
    t.intent,
    b.code as business_status,
    case
        when not {{ has_modifier(ref('modifier'), 'Task', 'states_nothing', [
            ['status', 't.status'], ['intent', 't.intent'],
        ]) }} then b.to_code
    end as referral_state,
    coalesce({{ mapped('priority', 't.priority') }}, 'routine') as priority,
    t.owner_reference,
    case
        when t.owner_reference is null then null
        when t.owner_reference like '%PractitionerRole/%' then 'role'
        when t.owner_reference like '%Practitioner/%' then 'practitioner'
        when t.owner_reference like '%CareTeam/%' then 'team'
        when t.owner_reference like '%Organization/%' then 'organization'
        when t.owner_reference like '%HealthcareService/%' then 'service'
        when t.owner_reference like '%Device/%' then 'device'
        when t.owner_reference like '%Patient/%' then 'patient'
        when t.owner_reference like '%RelatedPerson/%' then 'related_person'
        else 'unknown'
    end as owner_type,
    coalesce(
        t.owner_practitioner_id, {{ named_id(references, 't', 'Task', 'owner', 'Practitioner') }}
    ) as owner_practitioner_id,
    coalesce(
        t.owner_practitioner_role_id, {{ named_id(references, 't', 'Task', 'owner', 'PractitionerRole') }}
    ) as owner_practitioner_role_id,
    {{ fhir_placed_at('t.authored_on_text', 'winner.stated_at', zone) }} as created_at,
    {{ fhir_last_at('t.restriction_period_end_text', zone) }} as due_at,
    {{ fhir_placed_at('t.execution_period_start_text', 'winner.stated_at', zone) }} as started_at,
    {{ fhir_placed_at('t.execution_period_end_text', 'winner.stated_at', zone) }} as completed_at,
    {{ fhir_placed_at('t.last_modified_text', 'winner.stated_at', zone) }} as last_touched_at,
    {{ fhir_time_precision('t.last_modified_text') }} as last_touched_precision,
    case
        when t.requester_reference like 'Device/%' then 'automation'
        when t.requester_reference like 'Practitioner%' then 'human'
        else 'source'
    end as origin
from {{ source('lake', 'fhir__task') }} as t
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 't', 'Task') }}
left join {{ chosen_coding(
    source('lake', 'fhir__task_concept'), ['code'], version_keys(),
    ref('code_map_task_type'), ref('coding_rank'), 'task_type',
) }} as k
    on {{ same_row('k', 't') }}
left join {{ chosen_coding(
    source('lake', 'fhir__task_concept'), ['businessStatus'], version_keys(),
    ref('code_map_referral_status'), ref('coding_rank'), 'referral_status',
) }} as b
    on {{ same_row('b', 't') }}
{{ join_code_map(ref('code_map_priority'), 'priority', 't.source', 't.priority') }}

-- Grain: one row per statement that one patient identifier was replaced by another.
select
    prior_own_key,
    surviving_own_key,
    statement_order,
    recorded_at,
    source_system,
    source_ref,
    message_type || '^' || trigger_event as source_trigger,
    control_id,
    feed
from {{ ref('stg_hl7v2__merge') }}
where identifier_type in ('MR', 'PI') and prior_own_key <> surviving_own_key
union all
select
    p.own_patient_key as prior_own_key,
    coalesce(other.own_patient_key, {{ key('patient', ['p.source_system', "'FHIR'", 'p.replaced_by_id']) }}) as surviving_own_key,
    p.statement_order,
    p.recorded_at,
    p.source_system,
    p.source_ref,
    'Patient.link' as source_trigger,
    null as control_id,
    p.feed
from {{ ref('stg_fhir__patient') }} as p
left join {{ ref('stg_fhir__patient') }} as other
    on other.source_system = p.source_system and other.resource_id = p.replaced_by_id
where p.replaced_by_id is not null

-- Grain: one row per statement that a record of a patient was replaced by another (`merge`), or that this
-- was taken back (`unlink`): which record names the one before, which the one that stays.
select
    {{ message_record_ref('m') }} as merge_ref,
    {{ message_record_ref('m') }} as prior_record_ref,
    'prior' as prior_part,
    {{ message_record_ref('m') }} as surviving_record_ref,
    cast(null as string) as surviving_resource_id,
    m.effect,
    false as is_of_resource,
    m.statement_order,
    max(m.recorded_at) as recorded_at,
    max(case when m.is_stamped then 1 else 0 end) = 1 as is_stamped,
    m.source_system,
    m.source_ref,
    m.message_type || '^' || m.trigger_event as source_trigger,
    m.control_id,
    m.feed
from {{ ref('stg_hl7v2__merge') }} as m
group by
    m.source_system, m.source_ref, m.received, m.message, m.patient_group, m.effect, m.statement_order,
    m.message_type, m.trigger_event, m.control_id, m.feed
union all
select
    l.source_system || '|' || l.prior_resource_id || '|' || l.surviving_resource_id as merge_ref,
    l.source_system || '|Patient|' || l.prior_resource_id as prior_record_ref,
    'own' as prior_part,
    l.source_system || '|Patient|' || l.surviving_resource_id as surviving_record_ref,
    l.surviving_resource_id,
    'merge' as effect,
    true as is_of_resource,
    max(l.statement_order) as statement_order,
    max(l.recorded_at) as recorded_at,
    max(case when l.is_stamped then 1 else 0 end) = 1 as is_stamped,
    l.source_system,
    {{ latest_by('l.source_ref', 'l.statement_order || l.resource_id') }} as source_ref,
    'Patient.link' as source_trigger,
    {{ null_columns(['control_id']) }},
    {{ fhir_feed('l.source_system') }} as feed
from {{ ref('stg_fhir__patient_link') }} as l
group by l.source_system, l.prior_resource_id, l.surviving_resource_id

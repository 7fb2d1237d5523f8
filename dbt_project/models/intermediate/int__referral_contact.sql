-- Grain: one row per referral about which somebody tried to reach the patient (seed contact_attempt).
with attempts as (
    select
        source_system,
        service_request_resource_id,
        'Communication' as resource_type,
        '*' as kind,
        status,
        contacted_at
    from {{ ref('stg_fhir__contact') }}
    union all
    select
        source_system,
        service_request_resource_id,
        'Task' as resource_type,
        task_type as kind,
        status,
        coalesce(completed_at, last_touched_at, recorded_at) as contacted_at
    from {{ ref('stg_fhir__task') }}
    where is_current and service_request_resource_id is not null
)

select
    i.referral_key,
    count(*) as contact_attempts,
    min(case when s.outcome = 'reached' then a.contacted_at end) as first_contact_at
from attempts as a
inner join {{ ref('contact_attempt') }} as s
    on s.resource_type = a.resource_type and s.kind = a.kind and s.status = a.status
inner join {{ ref('int__referral_request') }} as i
    on i.source_system = a.source_system and i.resource_id = a.service_request_resource_id
where a.contacted_at is null or a.contacted_at <= {{ as_of() }}
group by i.referral_key

-- Grain: one row per channel and purpose that the winning version of an active Consent speaks of.
-- Only the first purpose is known, so a denial for another one is taken to deny treatment too.
select
    {{ fhir_envelope('c') }},
    {{ fhir_order('c') }} as statement_order,
    coalesce(c.patient_id, {{ named_id(ref('stg_fhir__reference'), 'c', 'Consent', 'patient', 'Patient') }}) as patient_resource_id,
    coalesce(p.code, c.channel_code, 'any') as channel,
    u.purpose,
    c.provision_type,
    case c.provision_type when 'permit' then true when 'deny' then false end as is_permitted,
    c.scope_code,
    c.provision_period_start_at,
    c.provision_period_end_at,
    c.decided_at
from {{ current_version(source('lake', 'fhir__consent'), ref('stg_fhir__version'), 'Consent') }} as c
left join (
    select distinct source, received, line, id, code
    from {{ source('lake', 'fhir__consent_provision_code') }}
    where code_system = 'http://hl7.org/fhir/contact-point-system'
) as p
    on p.source = c.source and p.received = c.received and p.line = c.line and p.id = c.id
inner join (
    select source, received, line, id, coalesce(purpose_code, 'TREAT') as purpose
    from {{ source('lake', 'fhir__consent') }}
    union
    select source, received, line, id, 'TREAT' as purpose
    from {{ source('lake', 'fhir__consent') }}
    where provision_type = 'deny'
) as u
    on u.source = c.source and u.received = c.received and u.line = c.line and u.id = c.id
where c.status = 'active'

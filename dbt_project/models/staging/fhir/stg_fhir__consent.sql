-- Grain: one row per channel that the winning version of an active privacy Consent speaks of.
select
    {{ fhir_envelope('c') }},
    {{ fhir_order('c') }} as statement_order,
    c.patient_id as patient_resource_id,
    coalesce(p.code, c.channel_code, 'any') as channel,
    coalesce(c.purpose_code, 'TREAT') as purpose,
    c.provision_type,
    case c.provision_type when 'permit' then true when 'deny' then false end as is_permitted,
    c.decided_at
from {{ current_version(source('lake', 'fhir__consent'), source('lake', 'fhir_current'), 'Consent') }} as c
left join (
    select distinct source, received, line, code
    from {{ source('lake', 'fhir__consent_provision_code') }}
    where code_system = 'http://hl7.org/fhir/contact-point-system'
) as p
    on p.source = c.source and p.received = c.received and p.line = c.line
where c.status = 'active'

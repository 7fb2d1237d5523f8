-- Grain: one row per channel and purpose that the winning version of an active Consent speaks of.
-- Only the first purpose is known, so a denial for another one is taken to deny treatment too.
{% set references = ref('stg_fhir__reference') %}
with channels as (
    select distinct source, received, line, id, code as channel
    from {{ source('lake', 'fhir__consent_provision_code') }}
    where code_system = 'http://hl7.org/fhir/contact-point-system'
),

purposes as (
    select source, received, line, id, coalesce(purpose_code, 'TREAT') as purpose
    from {{ source('lake', 'fhir__consent') }}
    union
    select source, received, line, id, 'TREAT' as purpose
    from {{ source('lake', 'fhir__consent') }}
    where provision_type = 'deny'
)

select
    {{ fhir_origin('c') }},
    {{ fhir_order('c') }} as statement_order,
    coalesce(
        c.patient_id, {{ named_id(references, 'c', 'Consent', 'patient', 'Patient') }}
    ) as patient_resource_id,
    coalesce(h.channel, c.channel_code, 'any') as channel,
    p.purpose,
    c.provision_type,
    case c.provision_type when 'permit' then true when 'deny' then false end as is_permitted,
    c.scope_code,
    c.provision_period_start_at,
    c.provision_period_end_at,
    c.decided_at
from {{ current_version(source('lake', 'fhir__consent'), ref('stg_fhir__version'), 'Consent') }} as c
left join channels as h on {{ same_row('h', 'c') }}
inner join purposes as p on {{ same_row('p', 'c') }}
where c.status = 'active'

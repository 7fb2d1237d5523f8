-- Grain: one row per ServiceRequest that is a referral (winning version), with its keys.
select
    r.*,
    case
        when r.referral_id is not null
            then {{ key('referral', ['r.referral_authority', 'r.referral_id']) }}
        else {{ key('referral', ['r.source_system', 'r.resource_id']) }}
    end as referral_key,
    case
        when r.placer_number is not null
            then {{ placer_order_key('r.placer_authority', 'r.placer_number') }}
    end as order_key,
    p.patient_key
from {{ ref('stg_fhir__service_request') }} as r
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = r.source_system and p.resource_id = r.patient_resource_id
where r.is_current and r.is_referral

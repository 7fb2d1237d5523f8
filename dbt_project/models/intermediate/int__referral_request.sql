-- Grain: one row per ServiceRequest that is a referral (winning version), with its keys.
select
    r.*,
    case
        when r.referral_id is not null
            then {{ key('referral', [
                'coalesce(r.referral_authority, originating.authority, r.source_system)', 'r.referral_id'
            ]) }}
        else {{ key('referral', ['r.source_system', 'r.resource_id']) }}
    end as referral_key,
    case
        when r.placer_number is not null
            then {{ placer_order_key(
                'coalesce(r.placer_authority, placer.authority, r.source_system)', 'r.placer_number'
            ) }}
    end as order_key,
    p.patient_key
from {{ ref('stg_fhir__service_request') }} as r
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = r.source_system and p.resource_id = r.patient_resource_id
{{ join_number_authority(
    ref('int__identifier_authority'),
    'originating',
    'referral',
    'r',
    'referral_id',
    'r.source_system',
    'p',
) }}
{{ join_number_authority(
    ref('int__identifier_authority'),
    'placer',
    'order_placer',
    'r',
    'placer_number',
    'r.source_system',
    'p',
) }}
where r.is_current and r.is_referral and not r.is_left_out

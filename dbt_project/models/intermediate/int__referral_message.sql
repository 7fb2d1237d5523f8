-- Grain: one row per referral message, with the keys of its referral, order and patient.
select
    f.*,
    {{ key('referral', [
        'coalesce(f.referral_authority, originating.authority, f.sender)', 'f.originating_id'
    ]) }} as referral_key,
    case
        when f.external_id is not null
            then {{ placer_order_key(
                'coalesce(f.external_authority, placer.authority, f.sender)', 'f.external_id'
            ) }}
    end as order_key,
    p.patient_key
from {{ ref('stg_hl7v2__referral') }} as f
left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('f', 'p') }}
{{ join_number_authority(
    ref('int__identifier_authority'), 'originating', 'referral', 'f', 'originating_id', 'f.sender', 'p'
) }}
{{ join_number_authority(
    ref('int__identifier_authority'), 'placer', 'order_placer', 'f', 'external_id', 'f.sender', 'p'
) }}

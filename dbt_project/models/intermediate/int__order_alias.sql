-- Grain: one row per filler number whose placer number is known; the order is keyed by the placer's,
-- which is issued first, so that the key does not change when a filler takes the order on.
with numbers as (
    select
        filler_authority,
        filler_number,
        placer_authority,
        placer_number,
        statement_order
    from {{ ref('stg_hl7v2__order') }}
    union all
    select
        filler_authority,
        filler_number,
        placer_authority,
        placer_number,
        statement_order
    from {{ ref('stg_fhir__service_request') }}
    where is_current and not is_referral
)

select
    filler_authority,
    filler_number,
    {{ latest_by(
        placer_order_key('placer_authority', 'placer_number'),
        'statement_order || placer_number'
    ) }} as order_key
from numbers
where filler_number is not null and placer_number is not null
group by filler_authority, filler_number

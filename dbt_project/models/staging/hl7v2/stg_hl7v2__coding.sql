{{ config(materialized='table', database='scratch') }}
-- Grain: one row per coding of a coded field of a segment: its own (components 1 to 3) and the alternate one
-- (components 4 to 6).
{% set fields = [
    (source('lake', 'hl7v2__pid'), 'PID-8', 'administrative_sex', '', 'null'),
    (source('lake', 'hl7v2__pv1'), 'PV1-2', 'patient_class', '', 'null'),
    (source('lake', 'hl7v2__pv1'), 'PV1-36', 'discharge_disposition', '', 'null'),
    (source('lake', 'hl7v2__sch'), 'SCH-25', 'filler_status', '_code', 'filler_status_text'),
    (source('lake', 'hl7v2__obr'), 'OBR-4', 'service', '_code', 'service_text'),
    (source('lake', 'hl7v2__rf1'), 'RF1-1', 'referral_status', '_code', 'referral_status_text'),
    (source('lake', 'hl7v2__rf1'), 'RF1-2', 'referral_priority', '_code', 'referral_priority_text'),
    (source('lake', 'hl7v2__rf1'), 'RF1-3', 'referral_type', '_code', 'referral_type_text'),
    (source('lake', 'hl7v2__rf1'), 'RF1-5', 'referral_category', '_code', 'referral_category_text'),
    (source('lake', 'hl7v2__rf1'), 'RF1-10', 'referral_reason', '_code', 'referral_reason_text'),
] %}
with codings as (
    {% for relation, field, name, ending, text in fields %}
    select
        source,
        received,
        message,
        segment,
        '{{ field }}' as element,
        0 as coding_ordinal,
        {{ name }}{{ ending }} as code,
        cast({{ text }} as string) as display,
        {{ held(name ~ '_system') }} as code_system
    from {{ relation }}
    where {{ name }}{{ ending }} is not null
    union all
    select
        source,
        received,
        message,
        segment,
        '{{ field }}' as element,
        1 as coding_ordinal,
        {{ name }}_alternate_code as code,
        {{ name }}_alternate_text as display,
        {{ held(name ~ '_alternate_system') }} as code_system
    from {{ relation }}
    where {{ held(name ~ '_alternate_code') }} is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    *,
    0 as ordinal,
    false as is_user_selected
from codings

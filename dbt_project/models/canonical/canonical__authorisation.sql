-- Grain: one row per authorisation_key: a number of a patient, or what was stated without a number. What is
-- stated last counts, of each attribute.
{% set attributes = [
    'authorisation_number', 'patient_key', 'visit_key', 'referral_key', 'payer_name', 'authorisation_status',
    'code_system', 'code', 'display', 'authorised_units', 'used_units', 'decided_at', 'period_start_at',
    'expires_at', 'source_system', 'source_ref', 'recorded_at',
] %}
with statements as (
    select
        a.source_system,
        a.source_ref,
        a.recorded_at,
        a.statement_order,
        'ClaimResponse|' || a.resource_id as record_id,
        p.patient_key,
        {{ null_columns(['visit_key', 'referral_key']) }},
        a.authorisation_number,
        a.payer_name,
        a.authorisation_status,
        a.code_system,
        a.code,
        a.display,
        a.authorised_units,
        cast(null as double) as used_units,
        a.decided_at,
        a.period_start_at,
        a.expires_at
    from {{ ref('stg_fhir__authorisation') }} as a
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = a.source_system and p.resource_id = a.patient_resource_id
    union all
    select
        a.source_system,
        a.source_ref,
        a.recorded_at,
        a.statement_order,
        -- What a referral is allowed is of the referral, whichever message says it.
        coalesce(
            r.referral_key,
            cast(a.received as string) || '|' || cast(a.message as string) || '|' || cast(a.segment as string)
        ) as record_id,
        p.patient_key,
        v.visit_key,
        r.referral_key,
        a.authorisation_number,
        a.payer_name,
        a.authorisation_status,
        {{ null_columns(['code_system', 'code', 'display']) }},
        a.authorised_units,
        a.used_units,
        a.decided_at,
        a.period_start_at,
        a.expires_at
    from {{ ref('stg_hl7v2__authorisation') }} as a
    left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('a', 'p') }}
    left join {{ ref('int__message_visit') }} as v on {{ same_patient_group('a', 'v') }}
    left join {{ ref('int__referral_message') }} as r
        on {{ same_staged_message('a', 'r') }}
),

keyed as (
    select
        *,
        case
            when authorisation_number is not null and patient_key is not null
                then {{ key('authorisation', ['patient_key', 'authorisation_number']) }}
            else {{ key('authorisation', ['source_system', 'record_id']) }}
        end as authorisation_key
    from statements
),

latest as (
    select
        authorisation_key,
        {% for name in attributes %}
        {{ latest_by(name, 'statement_order') }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from keyed
    group by authorisation_key
)

select
    authorisation_key,
    authorisation_number,
    patient_key,
    visit_key,
    referral_key,
    payer_name,
    authorisation_status,
    code_system,
    code,
    display,
    authorised_units,
    used_units,
    coalesce(authorisation_status in ('approved', 'partial'), false)
    and not coalesce(expires_at < {{ as_of() }}, false)
    and not coalesce(period_start_at > {{ as_of() }}, false)
    and not coalesce(used_units >= authorised_units, false) as is_valid,
    decided_at,
    period_start_at,
    {{ open_end('expires_at') }} as expires_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['no_patient', 'patient_key is null'],
        ['no_number', 'authorisation_number is null'],
        ['no_status', 'authorisation_status is null'],
        ['unmapped_status', "authorisation_status = 'unmapped'"],
        ['expired', 'expires_at < ' ~ as_of()],
        ['units_used_up', 'used_units >= authorised_units'],
        ['no_expiry', 'expires_at is null'],
    ]) }} as quality_flags
from latest

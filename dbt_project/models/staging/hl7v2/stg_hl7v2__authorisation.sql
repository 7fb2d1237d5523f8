{{ config(materialized='table', database='scratch') }}
-- Grain: one row per authorisation that a message states: an AUT, an RF1 with units and no AUT beside it, an
-- IN3, and an IN1 with a number.
with referrals as (
    select * from {{ first_in_message(source('lake', 'hl7v2__rf1')) }} as f
),

parts as (
    select
        a.source,
        a.received,
        a.message,
        a.segment,
        a.patient_group,
        {{ held('a.authorization_id') }} as authorisation_number,
        {{ held('a.company_name') }} as payer_name,
        coalesce({{ held('a.approval_status_code') }}, case
            when {{ held('a.authorization_id') }} is not null then 'issued'
        end) as authorisation_status_code,
        coalesce({{ held('a.authorized_treatments') }}, {{ held('f.authorized_treatments') }}) as units,
        coalesce({{ held('a.used_treatments') }}, {{ held('f.used_treatments') }}) as used_units,
        a.process_at as decided_at,
        a.effective_at as period_start_at,
        {{ last_at('a.expiration_at', 'a.expiration_precision', source_zone('a.source')) }} as expires_at
    from {{ source('lake', 'hl7v2__aut') }} as a
    left join referrals as f on {{ in_same_message('a', 'f') }}
    union all
    select
        f.source,
        f.received,
        f.message,
        f.segment,
        f.patient_group,
        cast(null as string) as authorisation_number,
        cast(null as string) as payer_name,
        'issued' as authorisation_status_code,
        {{ held('f.authorized_treatments') }} as units,
        {{ held('f.used_treatments') }} as used_units,
        f.process_at as decided_at,
        f.effective_at as period_start_at,
        {{ last_at('f.expiration_at', 'f.expiration_precision', source_zone('f.source')) }} as expires_at
    from referrals as f
    where
        {{ held('f.authorized_treatments') }} is not null
        and not exists (
            select 1
            from {{ source('lake', 'hl7v2__aut') }} as a
            where {{ in_same_message('f', 'a') }}
        )
    union all
    select
        c.source,
        c.received,
        c.message,
        c.segment,
        c.patient_group,
        {{ held('c.certification_id') }} as authorisation_number,
        {{ held('c.agency_text') }} as payer_name,
        case
            when {{ held('c.non_concur_code') }} is not null then 'non_concur'
            when {{ held('c.certification_id') }} is not null then 'issued'
            when c.certification_required = 'Y' then 'required'
        end as authorisation_status_code,
        {{ held('c.days') }} as units,
        cast(null as string) as used_units,
        coalesce(c.certified_at, c.modified_at) as decided_at,
        {{ midnight_in_zone('c.start_date', source_zone('c.source')) }} as period_start_at,
        {{ plus_minutes(midnight_in_zone(add_days('c.end_date', 1), source_zone('c.source')), -1) }}
            as expires_at
    from {{ source('lake', 'hl7v2__in3') }} as c
    where
        {{ held('c.certification_id') }} is not null
        or {{ held('c.non_concur_code') }} is not null
        or c.certification_required = 'Y'
    union all
    select
        i.source,
        i.received,
        i.message,
        i.segment,
        i.patient_group,
        {{ held('i.authorization_number') }} as authorisation_number,
        {{ held('i.company_name') }} as payer_name,
        'issued' as authorisation_status_code,
        cast(null as string) as units,
        cast(null as string) as used_units,
        {{ midnight_in_zone('i.authorization', source_zone('i.source')) }} as decided_at,
        cast(null as {{ instant_type() }}) as period_start_at,
        cast(null as {{ instant_type() }}) as expires_at
    from {{ source('lake', 'hl7v2__in1') }} as i
    where {{ held('i.authorization_number') }} is not null
),

patients as (
    select source, received, message, count(*) as patients, min(patient_group) as patient_group
    from {{ source('lake', 'hl7v2__pid') }}
    group by source, received, message
)

select
    {{ hl7_origin('e') }},
    {{ part_order('e.statement_order', 'a.segment') }} as statement_order,
    e.recorded_at,
    a.segment,
    -- A referral says what is allowed before it says of whom (PID).
    case when p.patients = 1 then p.patient_group else a.patient_group end as patient_group,
    a.authorisation_number,
    a.payer_name,
    a.authorisation_status_code,
    {{ mapped('status', 'a.authorisation_status_code') }} as authorisation_status,
    try_cast(a.units as double) as authorised_units,
    try_cast(a.used_units as double) as used_units,
    coalesce(a.decided_at, e.recorded_at) as decided_at,
    a.period_start_at,
    a.expires_at
from parts as a
inner join {{ ref('stg_hl7v2__event') }} as e on {{ same_message('e', 'a') }}
left join patients as p on {{ in_same_message('a', 'p') }}
{{ join_code_map(
    ref('code_map_authorisation_status'), 'status', 'e.source_system', 'a.authorisation_status_code'
) }}

{{ config(materialized='ephemeral') }}
-- Grain: one row per patient: which channel may be used for treatment messages, and its contact.
--
-- Every channel needs an opt-in. Decisions have two ranks, those for one channel and those for
-- any channel. Within a rank the newest decision wins (deny, when two are equally new); between
-- the ranks deny beats permit. Nothing on record means no contact data at all. Nobody whose identity is
-- in question is contacted automatically.
with decisions as (
    select
        patient_key,
        channel,
        is_permitted,
        row_number() over (
            partition by patient_key, channel
            order by decided_at desc nulls last, is_permitted asc, source_ref desc
        ) as age_rank
    from {{ ref('canonical__consent') }}
    where
        coalesce(purpose, 'any') in ('TREAT', 'any')
        and channel in ('sms', 'phone', 'email', 'any')
        and is_permitted is not null
        and (decided_at is null or decided_at <= {{ as_of() }})
),

newest_decisions as (
    select
        patient_key,
        -- As numbers: the lesser of a denial (0) and a permit (1) is the denial.
        min(case when channel = 'sms' then cast(is_permitted as integer) end) as sms,
        min(case when channel = 'phone' then cast(is_permitted as integer) end) as phone,
        min(case when channel = 'email' then cast(is_permitted as integer) end) as email,
        min(case when channel = 'any' then cast(is_permitted as integer) end) as every
    from decisions
    where age_rank = 1
    group by patient_key
),

permissions as (
    select
        p.patient_key,
        n.patient_key is not null as is_decided,
        -- Who a record in question is about nobody knows before a registrar has decided.
        {{ has_flag('p.quality_flags', 'merge_conflict') }}
            or {{ has_flag('p.quality_flags', 'identity_conflict') }}
            or {{ has_flag('p.quality_flags', 'several_people') }} as is_in_question,
        -- Each rank stands in for the other where that has no decision; without both, 0: not permitted.
        coalesce(least(coalesce(n.sms, n.every), coalesce(n.every, n.sms)), 0) = 1 as is_sms_permitted,
        coalesce(least(coalesce(n.phone, n.every), coalesce(n.every, n.phone)), 0) = 1 as is_phone_permitted,
        coalesce(least(coalesce(n.email, n.every), coalesce(n.every, n.email)), 0) = 1 as is_email_permitted,
        {{ dialled('p.phone_mobile') }} as mobile,
        {{ dialled('p.phone_home') }} as home,
        nullif(split_part(p.phone_mobile, ';ext=', 2), '') as mobile_extension,
        nullif(split_part(p.phone_home, ';ext=', 2), '') as home_extension,
        case when p.email like '%_@_%' then trim(p.email) end as email
    from {{ ref('canonical__patient') }} as p
    left join newest_decisions as n on n.patient_key = p.patient_key
),

chosen_channels as (
    select
        *,
        (is_sms_permitted or is_phone_permitted or is_email_permitted) and not is_in_question
            as is_contact_permitted,
        case
            when is_in_question then 'manual'
            -- A number with an extension is answered by a switchboard, which takes no text message.
            when is_sms_permitted and mobile is not null and mobile_extension is null then 'sms'
            when is_phone_permitted and coalesce(home, mobile) is not null then 'phone'
            when is_email_permitted and email is not null then 'email'
            else 'manual'
        end as channel
    from permissions
)

select
    patient_key,
    is_contact_permitted,
    channel,
    case
        when channel = 'sms' then mobile
        when channel = 'phone' then coalesce(home, mobile)
        when channel = 'email' then email
    end as contact,
    case
        when channel = 'phone' and home is not null then home_extension
        when channel = 'phone' then mobile_extension
    end as contact_extension,
    case
        when channel <> 'manual' then null
        when is_in_question then 'identity_in_question'
        when is_contact_permitted then 'no_contact_on_record'
        when is_decided then 'contact_denied'
        else 'permission_unknown'
    end as manual_because
from chosen_channels

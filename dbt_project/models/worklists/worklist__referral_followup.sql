-- Grain: one row per referral past its target. For the referral desk: what to do next, worst first.
-- The patient is named, since the desk calls people; a number or address stands there only where the patient
-- permits that channel.
with overdue_referrals as (
    select
        {{ uuid5("'referral_followup|' || r.referral_key") }} as row_id,
        r.*,
        coalesce(c.is_contact_permitted, false) as is_contact_permitted,
        coalesce(c.channel, 'manual') as contact_channel,
        c.contact,
        c.contact_extension,
        nullif(concat_ws(', ', p.family_name, p.given_names), '') as patient_name,
        p.mrn,
        d.display_name as referring_provider,
        cast(
            -- Back from the minutes past the target to whole days of waiting; 1440 minutes are a day.
            floor((r.breach_minutes + r.target_days * 1440) / cast(1440 as double)) as bigint
        ) as age_days
    from {{ ref('int__referral_followup_candidate') }} as r
    left join {{ ref('int__contact_permission') }} as c on c.patient_key = r.patient_key
    left join {{ ref('canonical__patient') }} as p on p.patient_key = r.patient_key
    left join {{ ref('canonical__practitioner') }} as d
        on d.practitioner_key = r.referring_practitioner_key
    where r.suppressed_by is null
)

select
    row_id,
    row_number() over (order by breach_minutes desc, row_id) as rank,
    patient_name,
    mrn,
    referral_id,
    specialty,
    coalesce(lower(priority), 'routine') as priority,
    state,
    age_days,
    breach_minutes,
    case
        when state = 'created' then 'Review; accept or decline'
        when state = 'docs_incomplete' then 'Ask for the missing documents'
        when state in ('accepted', 'ready_to_schedule') then 'Book the appointment'
        when state = 'unattended' then 'Rebook: patient did not attend'
        when state = 'appt_cancelled' then 'Rebook: appointment was cancelled'
        else 'Ask for the report of the visit'
    end as next_action,
    is_contact_permitted as contact_permitted,
    contact_channel,
    contact,
    contact_extension,
    referring_provider,
    case
        when state = 'created' then 'Received'
        when state = 'docs_incomplete' then 'Documents missing; received'
        when state = 'accepted' then 'Accepted but not booked; received'
        when state = 'ready_to_schedule' then 'Ready but not booked; received'
        when state = 'unattended' then 'Appointment missed'
        when state = 'appt_cancelled' then 'Appointment cancelled'
        else 'No report; seen'
    end || ' on ' || {{ local_day_words('waiting_since') }} || ', '
    || cast(age_days as string) || ' days ago; target is '
    || cast(target_days as string) || ' days' as reason,
    {{ data_as_of('worklist__referral_followup') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    referral_key,
    patient_key,
    source_ref
from overdue_referrals

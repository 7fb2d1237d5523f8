{{ config(materialized='ephemeral') }}
-- Grain: one row per visit: whether it is an appointment of the next 14 days of which a source says anything
-- about the payer's authorisation, with the facts by which that and the suppressions are decided.
--
-- An authorisation is of the appointment where it names it, else of the referral that the appointment was
-- booked for. The best one counts: that which lasts until the visit, else the last answer.
{% set criteria = [
    ('appointment_stands', 'v.stands'),
    ('comes_within_14_days', comes_within('v.local_date', 14)),
    ('a_source_speaks_of_an_authorisation', 'a.visit_key is not null or v.is_required'),
] %}
with referrals as (
    select
        appointment_visit_key,
        -- Of several referrals for one appointment, the first by key: rows may not multiply.
        min(referral_key) as referral_key,
        max(case when auth_required then 1 else 0 end) = 1 as is_required
    from {{ ref('canonical__referral_status') }}
    where appointment_visit_key is not null
    group by appointment_visit_key
),

visits as (
    select
        v.*,
        r.referral_key,
        coalesce(r.is_required, false) as is_required
    from {{ ref('int__planned_visit') }} as v
    left join referrals as r on r.appointment_visit_key = v.visit_key
),

-- Two joins and no "or" between them: that would compare every visit with every authorisation.
named_authorisations as (
    select
        v.visit_key,
        v.scheduled_start_at,
        a.authorisation_key
    from visits as v
    inner join {{ ref('canonical__authorisation') }} as a on a.visit_key = v.visit_key
    union
    select
        v.visit_key,
        v.scheduled_start_at,
        a.authorisation_key
    from visits as v
    inner join {{ ref('canonical__authorisation') }} as a on a.referral_key = v.referral_key
),

authorisations as (
    select
        n.visit_key,
        a.authorisation_key,
        a.authorisation_status,
        a.authorisation_number,
        a.payer_name,
        a.display as service,
        a.decided_at,
        a.expires_at,
        a.recorded_at,
        coalesce(
            a.is_valid and not coalesce(a.expires_at < n.scheduled_start_at, false), false
        ) as is_enough
    from named_authorisations as n
    inner join {{ ref('canonical__authorisation') }} as a on a.authorisation_key = n.authorisation_key
),

ranked_authorisations as (
    select
        *,
        row_number() over (
            partition by visit_key
            order by is_enough desc, coalesce(decided_at, recorded_at) desc nulls last, authorisation_key
        ) as answer_rank
    from authorisations
)

select
    v.visit_key,
    v.visit_key as subject_key,
    v.patient_key,
    -- It is about the appointment: whoever asks by the referral finds it through that.
    {{ null_columns(['referral_key', 'bed_key']) }},
    v.appt_id,
    v.scheduled_start_at,
    v.scheduled_start_precision,
    v.facility_id,
    v.time_zone,
    v.local_date,
    v.local_time,
    v.location_name,
    v.source_ref,
    coalesce(a.authorisation_status, 'missing') as authorisation_status,
    a.authorisation_number,
    a.payer_name,
    a.service,
    a.decided_at,
    a.expires_at,
    coalesce(a.is_enough, false) as is_enough,
    p.patient_key is not null as is_patient_known,
    p.record_status as patient_status,
    p.is_deceased as is_patient_deceased,
    {{ criteria_hold(criteria) }} as is_candidate,
    {{ failed_criteria(criteria) }} as failed_criteria,
    {{ facts([
        ('state', 'v.main_state'),
        ('starts_on', 'v.local_date'),
        ('authorisation', 'a.authorisation_status'),
        ('authorisation_ends_on', local_date('a.expires_at', 'v.time_zone')),
        ('referral_requires_one', 'v.is_required'),
        ('patient', "coalesce(p.record_status, 'unknown')"),
        ('patient_is_deceased', 'p.is_deceased'),
    ]) }} as facts
from visits as v
left join ranked_authorisations as a on a.visit_key = v.visit_key and a.answer_rank = 1
left join {{ ref('canonical__patient') }} as p on p.patient_key = v.patient_key

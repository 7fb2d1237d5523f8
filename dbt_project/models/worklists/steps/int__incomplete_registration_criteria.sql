{{ config(materialized='ephemeral') }}
-- Grain: one row per visit: whether its patient comes within 3 days and this is the first visit of those,
-- with the facts by which that and the suppressions are decided.
--
-- Missing is what a registration needs (seed registration_field), and an insurance in force, or a payer's
-- answer that is at most 30 days old at the visit. Where no source states insurances, or no payer answers,
-- nothing can be missing of them.
{% set criteria = [
    ('appointment_stands', 'v.stands'),
    ('comes_within_3_days', 'v.is_near'),
    ('is_the_first_of_these_visits', 'v.visit_rank = 1'),
] %}
with near_visits as (
    select
        *,
        {{ comes_within('local_date', 3) }} as is_near
    from {{ ref('int__planned_visit') }}
),

ranked_visits as (
    select
        *,
        row_number() over (
            partition by coalesce(patient_key, visit_key), stands and is_near
            order by scheduled_start_at, visit_key
        ) as visit_rank
    from near_visits
),

stated_covers as (
    select
        count(*) > 0 as are_stated,
        count(eligibility_at) > 0 as are_answered
    from {{ ref('canonical__coverage') }}
),

patient_covers as (
    select
        patient_key,
        max(case when is_in_force then 1 else 0 end) = 1 as has_cover,
        max(case when is_in_force then eligibility_at end) as answered_at
    from {{ ref('canonical__coverage') }}
    group by patient_key
),

registrations as (
    select
        v.*,
        nullif(concat_ws(', ', p.family_name, p.given_names), '') as patient_name,
        p.mrn,
        p.patient_key is not null as is_patient_known,
        p.record_status as patient_status,
        p.is_deceased as is_patient_deceased,
        nullif(concat_ws(
            ', ',
            nullif(replace({{ joined('p.missing_fields') }}, '_', ' '), ''),
            case when s.are_stated and not coalesce(c.has_cover, false) then 'insurance in force' end,
            case
                when s.are_answered and c.has_cover and coalesce(
                    {{ minutes_between('c.answered_at', 'v.scheduled_start_at') }} > 30 * 1440, true
                ) then 'answer of the payer in the last 30 days'
            end
        ), '') as missing
    from ranked_visits as v
    cross join stated_covers as s
    left join {{ ref('canonical__patient') }} as p on p.patient_key = v.patient_key
    left join patient_covers as c on c.patient_key = v.patient_key
)

select
    v.*,
    v.visit_key as subject_key,
    {{ null_columns(['referral_key', 'bed_key']) }},
    {{ criteria_hold(criteria) }} as is_candidate,
    {{ failed_criteria(criteria) }} as failed_criteria,
    {{ facts([
        ('state', 'v.main_state'),
        ('starts_on', 'v.local_date'),
        ('missing', 'v.missing'),
        ('patient', "coalesce(v.patient_status, 'unknown')"),
        ('patient_is_deceased', 'v.is_patient_deceased'),
    ]) }} as facts
from registrations as v

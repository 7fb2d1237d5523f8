-- Grain: one row per referral that an appointment was booked for, with the visit booked last.
with links as (
    select
        r.referral_key,
        a.visit_key,
        a.statement_order
    from {{ ref('int__appointment_version') }} as a
    inner join {{ ref('int__referral_request') }} as r
        on r.source_system = a.source_system and r.resource_id = a.service_request_resource_id
    where a.is_current
    union all
    select
        r.referral_key,
        a.visit_key,
        a.statement_order
    from {{ ref('int__scheduling_message') }} as a
    inner join {{ ref('int__referral_order') }} as r
        on r.order_key = a.placer_order_key
    where a.visit_key is not null
),

booked_visits as (
    select
        l.referral_key,
        l.visit_key,
        {{ time_text('max(v.booked_at)') }} || max(l.statement_order) as booked_order
    from links as l
    -- The time of the booking and not of the statement: an export repeats an old link every night, and a
    -- first appointment that was missed would win over the second.
    inner join {{ ref('canonical__visit') }} as v on v.visit_key = l.visit_key
    group by l.referral_key, l.visit_key
)

select
    referral_key,
    {{ latest_by('visit_key', 'booked_order || visit_key') }} as visit_key
from booked_visits
group by referral_key

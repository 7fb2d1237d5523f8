-- Grain: one row per referral_key. State comes from events, and from the visit booked for it: the
-- later of the two counts, unless the referral is closed.
{% set status_columns = [
    'patient_key',
    'order_key',
    'originating_id',
    'specialty',
    'reason_code',
    'priority',
    'status_source',
    'referring_practitioner_key',
    'referring_practitioner_name',
    'referring_organization_name',
    'referred_to',
    'docs_state',
    'auth_status',
] %}
with by_feed as (
    select
        referral_key,
        feed,
        {% for name in status_columns + ['expires_at', 'source_system', 'source_ref', 'recorded_at'] %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        min(received_at) as received_at,
        max(statement_order) as statement_order
    from {{ ref('int__referral_statement') }}
    group by referral_key, feed
),

attributes as (
    select
        f.referral_key,
        {% for name in status_columns %}
        {{ decided('f.' ~ name, 'a.status_rank') }} as {{ name }},
        {% endfor %}
        {{ decided_at('f.expires_at', 'a.status_rank') }} as expires_at,
        min(f.received_at) as received_at,
        {{ latest_by('f.source_system', 'f.statement_order') }} as source_system,
        {{ latest_by('f.source_ref', 'f.statement_order') }} as source_ref,
        {{ latest_by('f.recorded_at', 'f.statement_order') }} as recorded_at
    from by_feed as f
    left join {{ authority_ranks(ref('authority'), 'referral', ['status']) }} as a on a.feed = f.feed
    group by f.referral_key
),

stated_events as (
    select
        *,
        to_state is not null and (from_state is null or from_state <> to_state) as is_change,
        event_type in (
            'referral_closed', 'referral_cancelled', 'referral_declined', 'referral_expired'
        ) as is_end
    from {{ ref('int__visit_event_fold') }}
    where
        referral_key is not null
        and not is_cancelled
        and not {{ has_flag('quality_flags', 'confirmed_by_other_source') }}
        -- What is stated of a time to come changes nothing yet.
        and not {{ has_flag('quality_flags', 'in_future') }}
),

-- FHIR has one word, revoked, for a request that was declined and for one that was cancelled. Where the desk
-- has stated which of them it was, revoked repeats that end: a decline stated by both feeds in one second
-- became a cancellation.
events as (
    select *
    from (
        select
            *,
            coalesce(source_trigger = 'ServiceRequest.status' and event_type = 'referral_cancelled', false)
            and coalesce(
                lag(is_end) over (
                    partition by referral_key, to_state is not null order by fold_order
                ),
                false
            ) as is_repeated_end
        from stated_events
    ) as marked
    where not is_repeated_end
),

folded as (
    select
        referral_key,
        {{ latest_by('to_state', 'fold_order') }} as state,
        {{ latest_by('case when is_change then occurred_at end', 'fold_order') }} as state_since,
        min(case when event_type = 'referral_created' then occurred_at end) as created_at,
        min(case when event_type = 'referral_accepted' then occurred_at end) as accepted_at,
        max(case when event_type = 'referral_declined' then occurred_at end) as declined_at,
        min(case when event_type = 'referral_report_returned' then occurred_at end) as report_returned_at,
        max(case when event_type = 'referral_auth_pending' then 1 else 0 end) = 1 as was_auth_pending,
        max(case when event_type = 'referral_scheduled' then occurred_at end) as scheduled_at,
        min(case when event_type = 'referral_seen' then occurred_at end) as seen_at,
        max(case when is_end then occurred_at end) as closed_at
    from events
    group by referral_key
),

visits as (
    select
        *,
        coalesce(
            {{ has_flag('quality_flags', 'no_outcome') }}
            or (main_state = 'no_show' and {{ has_flag('quality_flags', 'state_inferred') }}),
            false
        ) as is_outcome_unknown
    from {{ ref('canonical__visit') }}
),

-- The state that the visit booked for a referral gives it.
appointments as (
    select
        l.referral_key,
        v.visit_key,
        v.booked_at,
        v.discharge_at,
        v.is_outcome_unknown,
        case
            when
                v.main_state in (
                    'scheduled', 'confirmed', 'arrived', 'checked_in', 'triaged', 'roomed', 'in_exam'
                )
                then 'scheduled'
            -- A rule knows neither that anybody saw the patient nor that the patient stayed away: nobody is
            -- called for it, and the loop is not closed.
            when v.is_outcome_unknown then 'scheduled'
            when v.main_state in ('discharged', 'closed') then 'seen'
            when v.main_state in ('no_show', 'lwbs') then 'unattended'
            when v.main_state = 'cancelled' then 'appt_cancelled'
        end as state,
        case
            when v.is_outcome_unknown then v.booked_at
            -- Closing a visit weeks after it ended is no news: a report returned since would be due again.
            when v.main_state = 'closed'
                then coalesce(v.discharge_at, v.admit_at, v.arrived_at, v.state_since)
            when v.main_state in ('discharged', 'no_show', 'lwbs', 'cancelled') then v.state_since
            else v.booked_at
        end as state_since
    from {{ ref('int__referral_appointment') }} as l
    inner join visits as v on v.visit_key = l.visit_key
),

referrals as (
    select
        a.*,
        f.created_at,
        f.accepted_at,
        f.declined_at,
        coalesce(f.report_returned_at, e.reported_at) as report_returned_at,
        f.was_auth_pending,
        c.first_contact_at,
        c.contact_attempts,
        d.missing_docs,
        d.missing_count,
        d.stated_complete,
        f.scheduled_at,
        f.seen_at,
        f.closed_at,
        v.visit_key,
        v.booked_at,
        v.discharge_at,
        v.is_outcome_unknown,
        v.state as visit_state,
        v.state_since as visit_state_since,
        coalesce(f.state, 'created') as event_state,
        f.state_since as event_state_since
    from attributes as a
    left join folded as f on f.referral_key = a.referral_key
    left join appointments as v on v.referral_key = a.referral_key
    left join {{ ref('int__referral_contact') }} as c on c.referral_key = a.referral_key
    left join {{ ref('int__referral_document') }} as d on d.referral_key = a.referral_key
    left join {{ ref('int__referral_report') }} as e on e.referral_key = a.referral_key
),

decided as (
    select
        *,
        visit_state is not null
            -- What the desk has ended, an old appointment does not open again.
            and event_state not in ('declined', 'closed', 'cancelled', 'expired', 'report_returned')
            and (event_state_since is null or visit_state_since > event_state_since) as is_visit_later
    from referrals
)

select
    referral_key,
    patient_key,
    order_key,
    originating_id,
    specialty,
    reason_code,
    coalesce(priority, 'routine') as priority,
    case when is_visit_later then visit_state else event_state end as state,
    status_source,
    referring_practitioner_key,
    referring_practitioner_name,
    referring_organization_name,
    referred_to,
    coalesce(received_at, created_at) as received_at,
    accepted_at,
    declined_at,
    first_contact_at,
    contact_attempts,
    coalesce(booked_at, scheduled_at) as scheduled_at,
    visit_key as appointment_visit_key,
    coalesce(seen_at, case when visit_state = 'seen' then discharge_at end) as seen_at,
    report_returned_at,
    closed_at,
    expires_at,
    case
        when missing_count > 0 or docs_state = 'incomplete' or event_state = 'docs_incomplete' then false
        when stated_complete is not null then stated_complete = 1
        when docs_state = 'complete' then true
    end as docs_complete,
    coalesce(missing_docs, {{ empty_array() }}) as missing_docs,
    -- Nobody states that none is needed: an authorisation that was asked for was required.
    case when auth_status is not null or was_auth_pending then true end as auth_required,
    coalesce(auth_status, case when event_state = 'auth_pending' then 'pending' end) as auth_status,
    case when is_visit_later then visit_state_since else event_state_since end as state_since,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['state_from_visit', 'is_visit_later'],
        ['appointment_without_outcome', 'is_outcome_unknown'],
        ['no_patient', 'patient_key is null'],
    ]) }} as quality_flags
from decided

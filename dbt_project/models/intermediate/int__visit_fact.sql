-- Grain: one row per visit_key: what feeds state of it beside its schedule and its movements, and the times
-- of steps that no state needs.
{% set names = [
    'account_number', 'placer_appointment_id', 'specialty', 'discharge_destination',
    'referring_practitioner_key', 'admitting_practitioner_key', 'prior_location_key', 'restriction',
] %}
with restrictions as (
    select element, code
    from {{ ref('visit_restriction') }}
),

stated as (
    select
        m.visit_key,
        v.feed,
        v.statement_order,
        v.account_number,
        {{ null_columns(['placer_appointment_id', 'specialty']) }},
        v.discharge_destination,
        v.referring_practitioner_key,
        v.admitting_practitioner_key,
        {{ location_key('v.prior_facility', 'v.prior_unit') }} as prior_location_key,
        case
            when vip.code is not null or protected.code is not null then 'restricted'
            -- A message that sends one of the fields, and no restriction in it, lifts it.
            when coalesce(v.vip_indicator, v.protection_indicator) is not null then '""'
        end as restriction
    from {{ ref('stg_hl7v2__visit') }} as v
    inner join {{ ref('int__message_visit') }} as m on {{ same_patient_group('v', 'm') }}
    left join restrictions as vip on vip.element = 'PV1-16' and vip.code = v.vip_indicator
    left join restrictions as protected
        on protected.element = 'PV2-22' and protected.code = v.protection_indicator
    where m.visit_key is not null
    union all
    select
        a.visit_key,
        a.feed,
        a.statement_order,
        {{ null_columns(['account_number']) }},
        a.placer_id as placer_appointment_id,
        {{ null_columns([
            'specialty', 'discharge_destination', 'referring_practitioner_key',
            'admitting_practitioner_key', 'prior_location_key', 'restriction',
        ]) }}
    from {{ ref('int__scheduling_message') }} as a
    where a.visit_key is not null
    union all
    select
        a.visit_key,
        {{ fhir_feed('a.source_system') }} as feed,
        a.statement_order,
        {{ null_columns(['account_number']) }},
        a.placer_id as placer_appointment_id,
        a.specialty,
        {{ null_columns([
            'discharge_destination', 'referring_practitioner_key', 'admitting_practitioner_key',
            'prior_location_key', 'restriction',
        ]) }}
    from {{ ref('int__appointment_version') }} as a
    union all
    select
        i.visit_key,
        {{ fhir_feed('e.source_system') }} as feed,
        e.statement_order,
        {{ null_columns([
            'account_number', 'placer_appointment_id', 'specialty', 'discharge_destination',
        ]) }},
        f.practitioner_key as referring_practitioner_key,
        d.practitioner_key as admitting_practitioner_key,
        {{ null_columns(['prior_location_key']) }},
        case when r.code is not null then 'restricted' when e.security_code is not null then '""' end
            as restriction
    from {{ ref('stg_fhir__encounter') }} as e
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = e.source_system and i.resource_id = e.resource_id
    left join restrictions as r on r.element = 'meta.security' and r.code = e.security_code
    left join {{ ref('stg_fhir__practitioner') }} as f
        on f.source_system = e.source_system and f.resource_id = e.referring_resource_id
    left join {{ ref('stg_fhir__practitioner') }} as d
        on d.source_system = e.source_system and d.resource_id = e.admitting_resource_id
    where e.is_current
),

by_feed as (
    select
        visit_key,
        feed,
        {% for name in names %}
        {{ latest_by(name, 'statement_order') }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from stated
    group by visit_key, feed
),

attributes as (
    select
        f.visit_key,
        {% for name in names if name != 'restriction' %}
        {{ decided('f.' ~ name, 'a.movement_rank') }} as {{ name }},
        {% endfor %}
        -- Of two feeds the one that restricts: a name that nobody may see is worse than one that is hidden.
        max(case f.restriction when 'restricted' then 1 when '""' then 0 end) as restriction
    from by_feed as f
    left join {{ authority_ranks(ref('authority'), 'visit', ['movement']) }} as a on a.feed = f.feed
    group by f.visit_key
),

steps as (
    select
        visit_key,
        max(case when event_type = 'appointment_confirmed' then occurred_at end) as confirmed_at,
        min(case when event_type = 'triage_started' then occurred_at end) as triage_started_at,
        min(case when event_type = 'triaged' then occurred_at end) as triaged_at,
        min(case when event_type = 'provider_first_contact' then occurred_at end) as first_provider_at,
        min(case when event_type = 'disposition_decided' then occurred_at end) as disposition_decided_at,
        min(case when event_type = 'admit_decision' then occurred_at end) as admit_decision_at,
        max(case when event_type = 'discharge_ready' then occurred_at end) as discharge_ready_at
    from {{ ref('int__visit_event_fold') }}
    where visit_key is not null and is_effective
    group by visit_key
)

select
    v.visit_key,
    a.account_number,
    a.placer_appointment_id,
    a.specialty,
    a.discharge_destination,
    a.referring_practitioner_key,
    a.admitting_practitioner_key,
    a.prior_location_key,
    a.restriction = 1 as is_restricted,
    s.confirmed_at,
    s.triage_started_at,
    s.triaged_at,
    s.first_provider_at,
    s.disposition_decided_at,
    s.admit_decision_at,
    s.discharge_ready_at,
    c.acuity_level,
    c.acuity_scale
from (
    select visit_key from attributes
    union
    select visit_key from steps
    union
    select visit_key from {{ ref('int__visit_acuity') }}
) as v
left join attributes as a on a.visit_key = v.visit_key
left join steps as s on s.visit_key = v.visit_key
left join {{ ref('int__visit_acuity') }} as c on c.visit_key = v.visit_key

{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Appointment; `is_current` marks the winning one.
{% set zone = source_zone('a.source') %}
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id, role order by identifier_rank, value
        ) as role_rank,
        row_number() over (
            partition by source, received, line, id
            -- To show where none identifies: not one that several appointments bear.
            order by
                case when role = 'identifies' then 0 when role is null then 1 else 2 end,
                case when bearers = 1 then 0 else 1 end,
                identifier_rank,
                value
        ) as shown_rank
    from {{ ref('stg_fhir__identifier') }}
    where resource_type = 'Appointment'
),

numbers as (
    select
        source,
        received,
        line,
        id,
        max(case when role = 'identifies' and role_rank = 1 then authority end) as appointment_authority,
        max(case when role = 'identifies' and role_rank = 1 then value end) as appointment_id,
        max(case when role = 'alias' and role_rank = 1 then authority end) as placer_authority,
        max(case when role = 'alias' and role_rank = 1 then value end) as placer_id,
        max(
            case
                when shown_rank = 1 and coalesce(role, 'identifies') in ('identifies', 'alias') then value
            end
        ) as shown_id
    from ranked_identifiers
    group by source, received, line, id
)

select
    {{ fhir_origin('a', 'winner') }},
    {{ fhir_order('winner') }} as statement_order,
    winner.is_stamped,
    winner.is_current,
    a.content_sha256,
    a.version_id,
    i.appointment_authority,
    i.appointment_id,
    i.placer_authority,
    i.placer_id,
    coalesce(i.shown_id, a.id) as shown_id,
    -- The first of several: who they all are says stg_fhir__appointment_participant.
    coalesce(
        a.patient_id, {{ named_id(references, 'a', 'Appointment', 'participant.actor', 'Patient') }}
    ) as patient_resource_id,
    coalesce(
        a.practitioner_id, {{ named_id(references, 'a', 'Appointment', 'participant.actor', 'Practitioner') }}
    ) as practitioner_resource_id,
    coalesce(
        a.location_id, {{ named_id(references, 'a', 'Appointment', 'participant.actor', 'Location') }}
    ) as location_resource_id,
    coalesce(
        a.slot_id, {{ named_id(references, 'a', 'Appointment', 'slot', 'Slot') }}
    ) as slot_resource_id,
    coalesce(
        a.based_on_id, {{ named_id(references, 'a', 'Appointment', 'basedOn', 'ServiceRequest') }}
    ) as service_request_resource_id,
    {{ mapped('status', 'a.status') }} as appointment_status,
    a.status as status_code,
    c.code as cancel_reason_code,
    coalesce(s.code, y.code) as service_type,
    y.code as specialty,
    t.code as appointment_type,
    r.code as reason_code,
    {{ fhir_time_at('a.start_text', zone) }} as scheduled_start_at,
    {{ fhir_time_precision('a.start_text') }} as scheduled_start_precision,
    {{ fhir_time_zone_source('a.start_text', zone) }} as scheduled_start_zone_source,
    {{ fhir_last_at('a.end_text', zone) }} as scheduled_end_at,
    -- As duration_in_minutes of HL7: more than a year is no duration, and must not stop the night.
    case when a.minutes_duration between 0 and 527040 then cast(a.minutes_duration as bigint) end
        as duration_minutes,
    {{ fhir_placed_at('a.created_text', 'winner.stated_at', zone) }} as booked_at,
    {{ fhir_time_precision('a.created_text') }} as booked_precision
from {{ source('lake', 'fhir__appointment') }} as a
left join numbers as i
    on {{ same_row('i', 'a') }}
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'a', 'Appointment') }}
left join {{ chosen_coding(
    source('lake', 'fhir__appointment_concept'), ['cancelationReason'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as c
    on {{ same_row('c', 'a') }}
left join {{ chosen_coding(
    source('lake', 'fhir__appointment_concept'), ['serviceType'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as s
    on {{ same_row('s', 'a') }}
left join {{ chosen_coding(
    source('lake', 'fhir__appointment_concept'), ['specialty'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as y
    on {{ same_row('y', 'a') }}
left join {{ chosen_coding(
    source('lake', 'fhir__appointment_concept'), ['appointmentType'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as t
    on {{ same_row('t', 'a') }}
left join {{ chosen_coding(
    source('lake', 'fhir__appointment_concept'), ['reasonCode'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as r
    on {{ same_row('r', 'a') }}
{{ join_code_map(ref('code_map_appointment_status'), 'status', 'a.source', 'a.status') }}

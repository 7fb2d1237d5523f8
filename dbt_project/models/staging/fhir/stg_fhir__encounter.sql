{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Encounter; `is_current` marks the winning one.
{% set zone = source_zone('e.source') %}
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id order by identifier_rank, value
        ) as number_rank
    from {{ ref('stg_fhir__identifier') }}
    where resource_type = 'Encounter' and role = 'identifies'
),

participants as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.ordinal,
        p.type_codes,
        {{ period_over('p') }} as is_over,
        coalesce(p.individual_id, named.target_id) as individual_id
    from {{ source('lake', 'fhir__encounter_participant') }} as p
    left join {{ references }} as named
        on {{ same_version('named', 'p', 'Encounter') }}
        and named.element = 'participant.individual'
        and named.ordinal = p.ordinal
        and named.target_type = 'Practitioner'
),

participant_parts as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.ordinal,
        p.individual_id,
        p.is_over,
        min(cast(r.rank as integer)) as part_rank
    from participants as p
    inner join {{ ref('repetition_rank') }} as r
        on r.object = 'encounter'
        and r.element = 'participant'
        and r.rank <> 'never'
        and (r.code = '*' or ',' || coalesce(p.type_codes, 'none') || ',' like '%,' || r.code || ',%')
    where p.individual_id is not null
    group by p.source, p.received, p.line, p.id, p.ordinal, p.individual_id, p.is_over
),

-- Who referred and who admitted, the first of each.
senders as (
    select
        source,
        received,
        line,
        id,
        {{ earliest_by(
            "case when ',' || type_codes || ',' like '%,REF,%' then individual_id end", 'ordinal'
        ) }} as referring_resource_id,
        {{ earliest_by(
            "case when ',' || type_codes || ',' like '%,ADM,%' then individual_id end", 'ordinal'
        ) }} as admitting_resource_id
    from participants
    group by source, received, line, id
),

-- Whoever takes part still, by the part that the person has in any coding.
ranked_participants as (
    select
        *,
        row_number() over (
            partition by source, received, line, id
            order by case when is_over then 1 else 0 end, part_rank, ordinal
        ) as participant_rank
    from participant_parts
)

select
    {{ fhir_origin('e', 'winner') }},
    {{ fhir_order('winner') }} as statement_order,
    winner.is_stamped,
    winner.is_current,
    e.received,
    e.line,
    e.content_sha256,
    e.version_id,
    i.authority as visit_number_authority,
    i.value as visit_number,
    coalesce(
        e.appointment_id, {{ named_id(references, 'e', 'Encounter', 'appointment', 'Appointment') }}
    ) as appointment_resource_id,
    coalesce(
        e.patient_id, {{ named_id(references, 'e', 'Encounter', 'subject', 'Patient') }}
    ) as patient_resource_id,
    t.individual_id as practitioner_resource_id,
    coalesce(
        e.part_of_id, {{ named_id(references, 'e', 'Encounter', 'partOf', 'Encounter') }}
    ) as part_of_resource_id,
    e.status,
    c.to_code as visit_class,
    c.code as class_code,
    {{ class_group('c.to_code') }} as class_group,
    s.code as service_type,
    e.security_code,
    f.referring_resource_id,
    f.admitting_resource_id,
    r.code as reason_code,
    {{ fhir_placed_at('e.period_start_text', 'winner.stated_at', zone) }} as period_start_at,
    {{ fhir_time_precision('e.period_start_text') }} as period_start_precision,
    {{ fhir_placed_at('e.period_end_text', 'winner.stated_at', zone) }} as period_end_at,
    {{ fhir_time_precision('e.period_end_text') }} as period_end_precision,
    {{ fhir_time_at('e.planned_start_text', zone) }} as planned_start_at,
    {{ fhir_last_at('e.planned_end_text', zone) }} as expected_discharge_at,
    {{ fhir_time_precision('e.planned_end_text') }} as expected_discharge_precision,
    d.to_code as discharge_disposition,
    d.code as discharge_disposition_code
from {{ source('lake', 'fhir__encounter') }} as e
left join ranked_identifiers as i
    on {{ same_row('i', 'e') }} and i.number_rank = 1
left join senders as f
    on {{ same_row('f', 'e') }}
left join ranked_participants as t
    on {{ same_row('t', 'e') }} and t.participant_rank = 1
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'e', 'Encounter') }}
left join {{ chosen_coding(
    source('lake', 'fhir__encounter_concept'), ['class'], version_keys(),
    ref('code_map_visit_class'), ref('coding_rank'), 'visit_class',
) }} as c
    on {{ same_row('c', 'e') }}
left join {{ chosen_coding(
    source('lake', 'fhir__encounter_concept'), ['hospitalization.dischargeDisposition'], version_keys(),
    ref('code_map_discharge_disposition'), ref('coding_rank'), 'discharge_disposition',
) }} as d
    on {{ same_row('d', 'e') }}
left join {{ chosen_coding(
    source('lake', 'fhir__encounter_concept'), ['serviceType'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as s
    on {{ same_row('s', 'e') }}
left join {{ chosen_coding(
    source('lake', 'fhir__encounter_concept'), ['reasonCode'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as r
    on {{ same_row('r', 'e') }}

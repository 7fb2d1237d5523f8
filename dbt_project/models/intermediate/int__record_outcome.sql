-- Grain: one row per stored message, and stored resource of a type that is read: the effect that it has
-- (`outcome`, `has_effect`), else the reason why it has none. What a message is about decides: one that
-- states a discharge and finds no visit has no effect, though it names a patient. What nothing explains
-- is `unexplained`.
with withheld_records as (
    select distinct
        source as source_system,
        source_ref
    from {{ source('lake', 'withheld_record') }}
),

-- The effect that is named where a record has several: what happened before what was stated.
ranked_effects as (
    select
        *,
        case effect
            when 'event' then '1'
            when 'merge' then '2'
            when 'order' then '3'
            when 'referral' then '4'
            when 'visit' then '5'
            when 'patient' then '7'
            else '6'
        end || effect || coalesce(object_key, '') as effect_order
    from {{ ref('int__record_effect') }}
),

effects as (
    select
        source_system,
        source_ref,
        {{ earliest_by('effect', 'effect_order') }} as effect,
        {{ earliest_by("coalesce(object_key, '')", 'effect_order') }} as object_key,
        {% for effect in ['event', 'merge', 'order', 'master_record'] %}
        max(case when effect = '{{ effect }}' then 1 else 0 end) = 1 as has_{{ effect }}
        {{- "," if not loop.last }}
        {% endfor %}
    from ranked_effects
    group by source_system, source_ref
),

{% set segments = [
    ('patients', source('lake', 'hl7v2__pid')),
    ('visits', source('lake', 'hl7v2__pv1')),
    ('appointments', source('lake', 'hl7v2__sch')),
    ('referrals', source('lake', 'hl7v2__rf1')),
    ('beds', source('lake', 'hl7v2__npu')),
    ('entries', source('lake', 'hl7v2__mfe')),
    ('commons', source('lake', 'hl7v2__orc')),
    ('requests', source('lake', 'hl7v2__obr')),
] %}
segments as (
    {% for name, relation in segments %}
    select distinct
        source,
        received,
        message,
        '{{ name }}' as segment
    from {{ relation }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

held as (
    select
        source,
        received,
        message,
        {% for name, relation in segments %}
        max(case when segment = '{{ name }}' then 1 else 0 end) = 1 as has_{{ name }}
        {{- "," if not loop.last }}
        {% endfor %}
    from segments
    group by source, received, message
),

bed_codes as (
    select
        source_system,
        source_ref,
        min(case when operational_status is null then 'no_code' else 'unknown_code' end) as bed_reason
    from {{ ref('stg_hl7v2__bed_status') }}
    group by source_system, source_ref
),

messages as (
    select
        m.source as source_system,
        m.file || '#' || cast(m.message as string) as source_ref,
        -- As the trigger table writes it: what a message states there can be anything.
        case
            when t.message_type is null then 'unknown'
            when t.trigger_event = '*' then t.message_type
            else t.message_type || '^' || t.trigger_event
        end as record_type,
        e.effect as trigger_effect,
        e.event_type,
        e.event_region,
        b.bed_reason,
        e.source_ref is null as is_withheld,
        {% for name, relation in segments %}
        coalesce(h.has_{{ name }}, false) as has_{{ name }},
        {% endfor %}
        f.effect,
        f.object_key,
        case
            when e.effect = 'unmapped' then false
            when e.effect = 'order' then coalesce(f.has_order, false)
            when e.effect = 'master' then coalesce(f.has_master_record, false)
            when e.effect = 'merge' then coalesce(f.has_merge, false)
            when e.effect = 'bed' or (e.event_type is not null and e.effect <> 'attributes')
                then coalesce(f.has_event, false)
            -- An update (A08) that finds no visit updates the patient: its visit is counted as a part.
            else f.effect is not null
        end as has_effect
    from {{ source('lake', 'raw_hl7v2__message') }} as m
    left join {{ ref('stg_hl7v2__event') }} as e
        on e.source_system = m.source and e.received = m.received and e.message = m.message
    left join {{ ref('trigger_event') }} as t
        on t.message_type = m.message_type
        and (t.trigger_event = e.trigger_event or t.trigger_event = '*')
        and t.condition = '*'
    left join held as h on {{ in_same_message('m', 'h') }}
    left join effects as f
        on f.source_system = m.source and f.source_ref = m.file || '#' || cast(m.message as string)
    left join bed_codes as b
        on b.source_system = m.source and b.source_ref = m.file || '#' || cast(m.message as string)
),

message_outcomes as (
    select
        source_system,
        source_ref,
        record_type,
        has_effect and not is_withheld as has_effect,
        object_key,
        case
            when is_withheld then 'withheld'
            when has_effect then effect
            when trigger_effect = 'unmapped' then 'unknown_trigger'
            when trigger_effect = 'none' then 'trigger_without_effect'
            when trigger_effect = 'order'
                then case when has_commons or has_requests then 'no_order_number' else 'no_order' end
            when trigger_effect = 'master'
                then case when has_entries then 'master_not_applied' else 'no_master_record' end
            when trigger_effect = 'bed'
                then case when has_beds then coalesce(bed_reason, 'no_bed') else 'no_bed' end
            when event_region = 'referral'
                then case when has_referrals then 'no_referral_number' else 'no_referral' end
            when event_region in ('appointment', 'slot')
                then case when has_appointments then 'no_appointment_number' else 'no_appointment' end
            when not has_patients then 'no_patient'
            when trigger_effect = 'merge' then 'nothing_to_merge'
            when event_region = 'visit'
                then case when has_visits then 'visit_not_found' else 'no_visit' end
            else 'unexplained'
        end as outcome
    from messages
),

consents_in_force as (
    select
        c.source as source_system,
        c.file || '#' || cast(c.line as string) as source_ref,
        max(case when d.source_ref is not null then 1 else 0 end) = 1 as has_decision
    from {{ source('lake', 'fhir__consent') }} as c
    inner join {{ ref('consent_statement') }} as s
        on s.element = 'status' and s.code = c.status and s.effect in ('counts', 'refusal')
    left join {{ ref('stg_fhir__consent') }} as d
        on d.source_system = c.source and d.source_ref = c.file || '#' || cast(c.line as string)
    group by c.source, c.file, c.line
),

left_out as (
    select source_system, source_ref, 'left_out' as reason
    from {{ ref('stg_fhir__location') }}
    where is_current and is_left_out
    union all
    select source_system, source_ref, 'left_out' as reason
    from {{ ref('stg_fhir__service_request') }}
    where is_current and is_left_out
    union all
    select source_system, source_ref, case when is_left_out then 'left_out' else 'no_slot' end as reason
    from {{ ref('stg_fhir__schedule') }}
    union all
    select
        s.source_system,
        s.source_ref,
        case when s.is_left_out or coalesce(d.is_left_out, false) then 'left_out' else 'no_time' end as reason
    from {{ ref('stg_fhir__slot') }} as s
    left join {{ ref('stg_fhir__schedule') }} as d
        on d.source_system = s.source_system and d.resource_id = s.schedule_resource_id
    where s.is_left_out or coalesce(d.is_left_out, false) or s.start_at is null
    union all
    select
        e.source_system,
        e.source_ref,
        'part_of_encounter' as reason
    from {{ ref('stg_fhir__encounter') }} as e
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = e.source_system and i.resource_id = e.resource_id
    where e.is_current and i.is_part
),

deletions as (
    select distinct
        source as source_system,
        file || '#' || cast(line as string) as source_ref
    from {{ source('lake', 'fhir__bundle_deletion') }}
),

resources as (
    select
        source as source_system,
        file || '#' || cast(line as string) as source_ref,
        source,
        resource_type,
        id,
        received,
        line,
        is_subsetted
    from {{ source('lake', 'raw_fhir__resource') }}
    where resource_type in {{ staged_types() }}
),

resource_outcomes as (
    select
        r.source_system,
        r.source_ref,
        r.resource_type as record_type,
        f.effect is not null as has_effect,
        f.object_key,
        case
            when f.effect is not null then f.effect
            when w.source_ref is not null then 'withheld'
            when v.id is null and r.is_subsetted then 'subsetted'
            when v.id is null then 'deleted'
            when not v.is_current then 'superseded_version'
            when r.resource_type = 'Bundle'
                then case when b.source_ref is not null then 'nothing_to_delete' else 'type_not_read' end
            when r.resource_type = 'Consent'
                then case
                    when c.source_ref is null then 'left_out'
                    when c.has_decision then 'no_patient'
                    else 'no_decision'
                end
            when o.reason is not null then o.reason
            -- Types of which every resource has an effect, or one of the reasons above.
            when r.resource_type in (
                'Appointment', 'Encounter', 'Location', 'Patient', 'Practitioner', 'PractitionerRole',
                'Schedule', 'ServiceRequest', 'Slot', 'Task'
            )
                then 'unexplained'
            else 'not_in_a_row'
        end as outcome
    from resources as r
    left join {{ ref('stg_fhir__version') }} as v
        on v.source = r.source
        and v.received = r.received
        and v.line = r.line
        and v.id = r.id
        and v.resource_type = r.resource_type
    left join effects as f on f.source_system = r.source_system and f.source_ref = r.source_ref
    left join withheld_records as w on w.source_system = r.source_system and w.source_ref = r.source_ref
    left join deletions as b on b.source_system = r.source_system and b.source_ref = r.source_ref
    left join consents_in_force as c on c.source_system = r.source_system and c.source_ref = r.source_ref
    left join left_out as o on o.source_system = r.source_system and o.source_ref = r.source_ref
)

select
    source_system,
    source_ref,
    record_type,
    has_effect,
    outcome,
    case when has_effect then nullif(object_key, '') end as object_key
from message_outcomes
union all
select
    source_system,
    source_ref,
    record_type,
    has_effect,
    outcome,
    case when has_effect then nullif(object_key, '') end as object_key
from resource_outcomes

-- Grain: one row per source_system, record_type, part and reason: how many stored records, or parts of
-- stored records that have an effect otherwise, have none.
with outcomes as (
    select * from {{ ref('int__record_outcome') }}
),

-- Of an Encounter, who takes part beyond the one who is chosen.
participants as (
    select
        e.source_system,
        e.source_ref,
        count(distinct p.individual_id) as participants
    from {{ ref('stg_fhir__encounter') }} as e
    inner join {{ source('lake', 'fhir__encounter_participant') }} as p
        on p.source = e.source_system and p.received = e.received and p.line = e.line and p.id = e.resource_id
    where e.is_current
    group by e.source_system, e.source_ref
),

parts as (
    select
        o.source_system,
        o.source_ref,
        'order' as part,
        'no_order_number' as reason,
        1 as part_count
    from {{ ref('stg_hl7v2__order') }} as o
    left join {{ ref('int__order_key') }} as k
        on {{ same_staged_message('o', 'k') }} and k.statement_order = o.statement_order
    where k.order_key is null
    union all
    select
        source_system,
        source_ref,
        'master_record' as part,
        'master_not_applied' as reason,
        1 as part_count
    from {{ ref('stg_hl7v2__master_entry') }}
    where record_id is null
    union all
    select
        source_system,
        source_ref,
        'bed' as part,
        case when operational_status is null then 'no_code' else 'unknown_code' end as reason,
        1 as part_count
    from {{ ref('stg_hl7v2__bed_status') }}
    where operational_status is null or operational_status = 'unmapped'
    union all
    -- A17 moves two patients.
    select
        v.source_system,
        v.source_ref,
        'visit' as part,
        'visit_not_found' as reason,
        1 as part_count
    from {{ ref('stg_hl7v2__visit') }} as v
    left join {{ ref('int__message_visit') }} as m on {{ same_patient_group('v', 'm') }}
    where v.event_region = 'visit' and m.visit_key is null
    union all
    select
        source_system,
        source_ref,
        'participant' as part,
        'unchosen' as reason,
        participants - 1 as part_count
    from participants
    where participants > 1
),

counted as (
    select
        source_system,
        record_type,
        'record' as part,
        outcome as reason,
        1 as record_count,
        source_ref
    from outcomes
    where not has_effect
    union all
    select
        o.source_system,
        o.record_type,
        p.part,
        p.reason,
        p.part_count as record_count,
        o.source_ref
    from parts as p
    inner join outcomes as o on o.source_system = p.source_system and o.source_ref = p.source_ref
    where o.has_effect
    union all
    select
        source as source_system,
        resource_type as record_type,
        'record' as part,
        'type_not_read' as reason,
        count(*) as record_count,
        max(file || '#' || cast(line as string)) as source_ref
    from {{ source('lake', 'raw_fhir__resource') }}
    where resource_type not in {{ staged_types() }}
    group by source, resource_type
)

select
    c.source_system,
    c.record_type,
    c.part,
    c.reason,
    cast(sum(c.record_count) as bigint) as record_count,
    coalesce(max(r.is_expected), 'false') = 'true' as is_expected,
    max(r.mended_by) as mended_by,
    max(r.meaning) as meaning,
    max(c.source_ref) as source_ref
from counted as c
left join {{ ref('no_effect_reason') }} as r on r.reason = c.reason
group by c.source_system, c.record_type, c.part, c.reason

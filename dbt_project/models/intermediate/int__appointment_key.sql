-- Grain: one row per scheduling message and per Appointment resource, with the key of its appointment. The
-- filler's number (SCH-2) identifies; the placer's alone (SCH-1) is the appointment that it was last
-- stated with, else the first that it is stated with later. The number stated first keeps the key.
with statements as (
    select
        a.source_system,
        a.received,
        a.message,
        cast(null as string) as resource_id,
        a.statement_order,
        coalesce(a.filler_authority, filler.authority, a.sender) as filler_authority,
        a.filler_id,
        coalesce(a.placer_authority, placer.authority, a.sender) as placer_authority,
        a.placer_id,
        coalesce(a.filler_id, a.placer_id) as shown_id,
        (a.filler_id is not null and coalesce(filler.is_ambiguous, false))
        or (a.filler_id is null and coalesce(placer.is_ambiguous, false)) as is_ambiguous
    from {{ ref('stg_hl7v2__appointment') }} as a
    left join {{ ref('int__message_patient') }} as p
        on {{ same_staged_message('a', 'p') }} and p.patient_group = 1
    {{ join_number_authority(
        ref('int__identifier_authority'), 'filler', 'appointment_filler', 'a', 'filler_id', 'a.sender', 'p'
    ) }}
    {{ join_number_authority(
        ref('int__identifier_authority'), 'placer', 'appointment_placer', 'a', 'placer_id', 'a.sender', 'p'
    ) }}
    where a.filler_id is not null or a.placer_id is not null
    union all
    select
        a.source_system,
        cast(null as bigint) as received,
        cast(null as bigint) as message,
        a.resource_id,
        a.statement_order,
        case
            when a.is_numbered then coalesce(a.appointment_authority, a.source_system)
            else a.source_system
        end as filler_authority,
        -- The id of a resource is no number that a message could state.
        case when a.is_numbered then a.appointment_id else 'Appointment/' || a.resource_id end as filler_id,
        coalesce(a.placer_authority, a.source_system) as placer_authority,
        a.placer_id,
        a.shown_id,
        a.appointment_id is not null and not a.is_numbered as is_ambiguous
    from {{ ref('int__fhir_appointment') }} as a
),

numbered as (
    select
        *,
        filler_authority || '|' || filler_id as filler_number,
        placer_authority || '|' || placer_id as placer_number
    from statements
),

-- What a placer's number was stated with, and the same number in the other place: not every scheduler
-- keeps to one of the two.
links as (
    select placer_number, filler_number, statement_order
    from numbered
    where filler_number is not null and placer_number is not null
    union
    select filler_number as placer_number, filler_number, statement_order
    from numbered
    where filler_number is not null
),

placers as (
    select distinct placer_number, statement_order
    from numbered
    where filler_number is null
),

followed as (
    select
        p.placer_number,
        p.statement_order,
        coalesce(
            {{ latest_by(
                'case when l.statement_order <= p.statement_order then l.filler_number end',
                'l.statement_order || l.filler_number'
            ) }},
            {{ earliest_by('l.filler_number', 'l.statement_order || l.filler_number') }}
        ) as filler_number,
        count(distinct l.filler_number) as fillers
    from placers as p
    inner join links as l on l.placer_number = p.placer_number
    group by p.placer_number, p.statement_order
),

resolved as (
    select
        n.*,
        coalesce(n.filler_number, f.filler_number) as appointment_number,
        coalesce(f.fillers, 0) > 1 as is_shared_placer
    from numbered as n
    left join followed as f
        on n.filler_number is null
        and f.placer_number = n.placer_number
        and f.statement_order = n.statement_order
),

appointments as (
    select
        appointment_number,
        min(case when filler_number is not null then statement_order end) as filler_order,
        {{ earliest_by('case when filler_number is not null then filler_authority end', 'statement_order') }}
            as filler_authority,
        {{ earliest_by('filler_id', 'statement_order') }} as filler_id,
        {{ latest_by('case when filler_number is not null then shown_id end', 'statement_order') }}
            as filler_shown_id,
        min(case when filler_number is null then statement_order end) as placer_order,
        {{ earliest_by('case when filler_number is null then placer_authority end', 'statement_order') }}
            as placer_authority,
        {{ earliest_by('case when filler_number is null then placer_id end', 'statement_order') }}
            as placer_id
    from resolved
    where appointment_number is not null
    group by appointment_number
)

select
    r.source_system,
    r.received,
    r.message,
    r.resource_id,
    r.statement_order,
    case
        when a.appointment_number is null
            then {{ appointment_visit_key('r.placer_authority', 'r.placer_id') }}
        when a.placer_order < a.filler_order
            then {{ appointment_visit_key('a.placer_authority', 'a.placer_id') }}
        else {{ appointment_visit_key('a.filler_authority', 'a.filler_id') }}
    end as appointment_key,
    case when r.filler_number is null then coalesce(a.filler_shown_id, r.shown_id) else r.shown_id end
        as appointment_id,
    r.is_ambiguous or r.is_shared_placer as is_ambiguous
from resolved as r
left join appointments as a on a.appointment_number = r.appointment_number

-- Grain: one row per visit with events: where it stands by what feeds state alone, when anything was stated
-- of it last, and the times from which rules count that infer how a thing ended (seed inference_rule).
with facilities as (
    select
        location_key,
        min(facility) as facility
    from {{ ref('int__location_statement') }}
    group by location_key
),

events as (
    select
        e.*,
        f.facility,
        case when e.to_state is not null and not e.is_cancelled then e.to_state end as stated_to_state,
        case
            when e.counts and e.location_effect in ('reserve', 'release') then e.location_effect
            when e.counts and e.location_effect = 'occupy' and e.location_key is not null then 'occupy'
            when e.has_precedence and e.location_effect = 'unreserve' then 'unreserve'
        end as place_effect
    from {{ ref('int__visit_event') }} as e
    left join facilities as f on f.location_key = e.location_key
    where e.visit_key is not null
),

courses as (
    select
        visit_key,
        {{ latest_by('surviving_patient_key', 'fold_order') }} as patient_key,
        {{ latest_by('stated_to_state', 'fold_order') }} as state,
        {{ latest_by('facility', 'fold_order') }} as event_facility,
        {{ latest_by('place_effect', 'fold_order') }} as place_effect,
        {{ latest_by("case when place_effect = 'reserve' then location_key end", 'fold_order') }}
            as reserved_location_key,
        {{ latest_by("case when place_effect = 'reserve' then bed_key end", 'fold_order') }}
            as reserved_bed_key,
        {{ latest_by("case when place_effect = 'reserve' then occurred_at end", 'fold_order') }}
            as reserved_at,
        max(case when region = 'appointment' then 1 else 0 end) = 1 as has_appointment_event,
        -- What has not happened yet was stated nevertheless, when it was recorded.
        greatest(max(recorded_at), max(case when not is_in_future then occurred_at end)) as last_stated_at,
        min(case when counts and phase in ('begin', 'present') then occurred_at end) as began_at,
        max(case when counts and phase = 'end' then occurred_at end) as ended_at,
        max(
            case
                when
                    counts
                    and (phase in ('begin', 'present', 'end') or event_type in ('appointment_no_show'))
                    then recorded_at
            end
        ) as attendance_stated_at,
        max(fold_order) as last_order,
        {{ latest_by('case when stated_to_state is not null then source_ref end', 'fold_order') }}
            as source_ref,
        {{ latest_by('case when stated_to_state is not null then source_system end', 'fold_order') }}
            as source_system
    from events
    group by visit_key
),

-- For when an Encounter is planned: no appointment, hence no start of the visit.
planned_encounters as (
    select
        i.visit_key,
        max(coalesce(e.planned_start_at, e.period_start_at)) as planned_at
    from {{ ref('stg_fhir__encounter') }} as e
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = e.source_system and i.resource_id = e.resource_id
    where e.is_current and e.status = 'planned' and not i.is_part
    group by i.visit_key
),

described as (
    select
        c.*,
        coalesce(c.event_facility, f.facility) as facility,
        a.appointment_id is not null or c.has_appointment_event as has_appointment,
        coalesce(a.visit_class, a.assumed_class) as visit_class,
        a.scheduled_start_at,
        coalesce(a.scheduled_start_at, p.planned_at) as planned_at,
        a.recorded_at as described_at,
        case
            -- An end before the start is left over from before the appointment was moved.
            when a.scheduled_end_at > a.scheduled_start_at then a.scheduled_end_at
            when {{ is_day_alone('a.scheduled_start_precision') }}
                then {{ until_at(
                    'a.scheduled_start_at', 'a.scheduled_start_precision', "'" ~ var('time_zone') ~ "'"
                ) }}
            else {{ plus_minutes('a.scheduled_start_at', 'coalesce(a.duration_minutes, 0)') }}
        end as scheduled_end_at
    from courses as c
    left join {{ ref('int__visit_attribute') }} as a on a.visit_key = c.visit_key
    left join planned_encounters as p on p.visit_key = c.visit_key
    left join facilities as f on f.location_key = a.planned_location_key
)

select
    *,
    case
        when state in ('requested', 'scheduled', 'confirmed') and has_appointment then 'appointment'
        when state = 'scheduled' then 'plan'
        when state = 'discharged' then 'ended_visit'
        when
            state in ('arrived', 'checked_in', 'triaged', 'roomed', 'in_exam', 'disposition_decided')
            and (
                visit_class in ('AMB', 'EMER', 'VR', 'PRENC')
                -- Of an appointment nobody but the scheduler may know, and it states no class.
                or (visit_class is null and has_appointment)
            )
            then 'outpatient_visit'
        -- Whoever is not known to be an outpatient may lie in a bed.
        when
            state in (
                'arrived',
                'checked_in',
                'triaged',
                'roomed',
                'in_exam',
                'disposition_decided',
                'boarding',
                'admitted',
                'discharge_ordered',
                'ready_for_discharge',
                'on_leave'
            )
            then 'stay'
    end as object
from described

-- Grain: one row per Appointment resource (winning version), with the number that identifies it. A number
-- that several appointments of a source bear identifies none of them, unless they start together (the
-- patients of one group) or all but one are over (it was booked again).
with appointments as (
    select
        *,
        coalesce(appointment_status, '') not in ('cancelled', 'noshow', 'entered-in-error') as is_open
    from {{ ref('stg_fhir__appointment') }}
    where is_current
),

bearers as (
    select
        source_system,
        appointment_authority,
        appointment_id,
        count(*) as bearers,
        count(case when is_open then 1 end) as open_bearers,
        count(distinct scheduled_start_at) as starts
    from appointments
    where appointment_id is not null
    group by source_system, appointment_authority, appointment_id
)

select
    a.source_system,
    a.resource_id,
    a.statement_order,
    a.scheduled_start_at,
    a.is_open,
    coalesce(b.bearers = 1 or b.starts = 1 or (a.is_open and b.open_bearers = 1), false) as is_numbered,
    a.appointment_authority,
    a.appointment_id,
    a.placer_authority,
    a.placer_id,
    a.shown_id
from appointments as a
left join bearers as b
    on b.source_system = a.source_system
    and coalesce(b.appointment_authority, '') = coalesce(a.appointment_authority, '')
    and b.appointment_id = a.appointment_id

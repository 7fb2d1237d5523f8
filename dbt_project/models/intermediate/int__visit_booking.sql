-- Grain: one row per appointment that shares its visit number with others (a series under one account),
-- with the start stated last and whether it still stands (who missed it may come yet).
with bookings as (
    select
        n.first_text,
        a.visit_key,
        a.patient_key,
        a.scheduled_start_at,
        k.appointment_status as type_appointment_status,
        a.statement_order
    from {{ ref('int__scheduling_message') }} as a
    inner join {{ ref('int__message_number') }} as m on {{ same_patient_group('a', 'm') }}
    inner join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = m.visit_number_authority
        and n.visit_number = m.visit_number
        and n.is_shared
    left join {{ ref('event_type') }} as k on k.event_type = a.event_type
    where a.visit_key is not null
    union all
    select
        n.first_text,
        a.visit_key,
        a.patient_key,
        a.scheduled_start_at,
        a.appointment_status as type_appointment_status,
        a.statement_order
    from {{ ref('int__encounter_number') }} as e
    inner join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = e.visit_number_authority
        and n.visit_number = e.visit_number
        and n.is_shared
    inner join {{ ref('int__appointment_version') }} as a
        on a.source_system = e.source_system
        and a.resource_id = e.appointment_resource_id
        and a.is_current
),

latest as (
    select
        first_text,
        visit_key,
        {{ latest_by('patient_key', 'statement_order') }} as patient_key,
        {{ latest_by('scheduled_start_at', 'statement_order') }} as scheduled_start_at,
        coalesce({{ latest_by('type_appointment_status', 'statement_order') }}, 'booked')
        not in ('cancelled', 'entered-in-error') as is_open,
        min(statement_order) as statement_order
    from bookings
    group by first_text, visit_key
)

select
    *,
    sum(case when is_open then 1 else 0 end) over (partition by first_text, patient_key) as open_count
from latest

-- Grain: one row per Encounter resource, with the visit and the patient it belongs to. What is part of
-- another encounter (`is_part`) belongs to the visit of the whole.
with bookings_of_day as (
    select
        e.source_system,
        e.resource_id,
        {{ booking_of_day('e.period_start_at', 'b') }} as visit_key
    from {{ ref('int__encounter_number') }} as e
    inner join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = e.visit_number_authority
        and n.visit_number = e.visit_number
        and n.is_shared
    inner join {{ ref('int__visit_booking') }} as b
        on b.first_text = n.first_text
        and coalesce(b.patient_key = e.patient_key, true)
    group by e.source_system, e.resource_id
),

own as (
    select
        e.source_system,
        e.resource_id,
        case
            -- In the order of how early a key is known: an appointment exists before its visit has a number,
            -- and a visit that was booked must keep the key under which it was booked.
            when a.visit_key is not null then a.visit_key
            when b.visit_key is not null then b.visit_key
            when e.visit_number is not null and not coalesce(n.is_shared, false)
                then coalesce(
                    n.visit_key,
                    {{ number_visit_key('e.visit_number_authority', 'e.visit_number') }}
                )
            -- On none of the days of a series: a visit of its own under the same number.
            else {{ key('visit', ['e.source_system', "'Encounter'", 'e.resource_id']) }}
        end as visit_key,
        e.patient_key
    from {{ ref('int__encounter_number') }} as e
    left join {{ ref('int__encounter_appointment') }} as a
        on a.source_system = e.source_system and a.resource_id = e.resource_id
    left join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = e.visit_number_authority and n.visit_number = e.visit_number
    left join bookings_of_day as b on b.source_system = e.source_system and b.resource_id = e.resource_id
)

select
    o.source_system,
    o.resource_id,
    coalesce(w.visit_key, o.visit_key) as visit_key,
    o.patient_key,
    p.whole_resource_id is not null as is_part,
    coalesce(p.whole_resource_id, o.resource_id) as whole_resource_id
from own as o
left join {{ ref('int__encounter_part') }} as p
    on p.source_system = o.source_system and p.resource_id = o.resource_id
left join own as w on w.source_system = p.source_system and w.resource_id = p.whole_resource_id

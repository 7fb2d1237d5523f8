-- Grain: one row per Encounter resource (winning version) that is a part of another one, with the outermost
-- one that it is part of. A part says where the patient was and never how the visit stands: the theatre
-- encounter of a stay is finished long before the stay is.
with encounters as (
    select *
    from {{ ref('stg_fhir__encounter') }}
    where is_current
),

reached_1 as (
    select
        source_system,
        resource_id,
        resource_id as part_of_resource_id
    from encounters
    union
    select
        e.source_system,
        e.resource_id,
        e.part_of_resource_id
    from encounters as e
    inner join encounters as parent
        on parent.source_system = e.source_system and parent.resource_id = e.part_of_resource_id
),

-- By doubling, as in int__fhir_location: 16 steps. Encounters that are part of each other have no outermost.
{% for steps in [1, 2, 4, 8] %}
reached_{{ steps * 2 }} as (
    select distinct
        lower_half.source_system,
        lower_half.resource_id,
        upper_half.part_of_resource_id
    from reached_{{ steps }} as lower_half
    inner join reached_{{ steps }} as upper_half
        on upper_half.source_system = lower_half.source_system
        and upper_half.resource_id = lower_half.part_of_resource_id
),

{% endfor %}
outermost as (
    select
        r.source_system,
        r.resource_id,
        w.resource_id as whole_resource_id,
        w.visit_number_authority,
        w.visit_number,
        w.class_group
    from reached_16 as r
    inner join encounters as w on w.source_system = r.source_system and w.resource_id = r.part_of_resource_id
    left join encounters as above
        on above.source_system = w.source_system and above.resource_id = w.part_of_resource_id
    where
        r.part_of_resource_id <> r.resource_id
        and above.resource_id is null
        -- What was entered in error is no whole of anything.
        and coalesce(w.status, '') not in ('entered-in-error', 'cancelled')
)

select
    e.source_system,
    e.resource_id,
    o.whole_resource_id
from encounters as e
inner join outermost as o on o.source_system = e.source_system and o.resource_id = e.resource_id
where
    -- One that was booked for itself, or has a number of its own, is a visit of its own.
    e.appointment_resource_id is null
    and (
        (
            coalesce(e.visit_number_authority, '') = coalesce(o.visit_number_authority, '')
            and e.visit_number = o.visit_number
        )
        -- Without a number only a part of the same kind is part of the visit: the emergency visit before an
        -- admission stands by itself.
        or (e.visit_number is null and e.class_group = o.class_group)
    )

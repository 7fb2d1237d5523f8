-- Grain: one row per practitioner, location and device among the participants of the winning version of an
-- Appointment, and one per slot that it takes; who declined is left out. A role stands for its person.
{% set references = ref('stg_fhir__reference') %}
with participants as (
    select
        p.source,
        p.id,
        p.ordinal,
        case when named.target_type = 'Practitioner' then named.target_id end as named_practitioner_id,
        case when named.target_type = 'PractitionerRole' then named.target_id end as named_role_id,
        case when named.target_type = 'Location' then named.target_id end as named_location_id,
        p.practitioner_id,
        p.practitioner_role_id,
        p.location_id,
        p.device_id
    from {{ current_version(
        source('lake', 'fhir__appointment_participant'), ref('stg_fhir__version'), 'Appointment'
    ) }} as p
    left join {{ references }} as named
        on {{ same_version('named', 'p', 'Appointment') }}
        and named.element = 'participant.actor'
        and named.ordinal = p.ordinal
    where coalesce(p.status, '') <> 'declined'
),

resources as (
    select
        p.source,
        p.id,
        coalesce(p.practitioner_id, p.named_practitioner_id, r.practitioner_resource_id)
            as practitioner_resource_id,
        coalesce(p.location_id, p.named_location_id, r.location_resource_id) as location_resource_id,
        p.device_id as device_resource_id,
        cast(null as string) as slot_resource_id
    from participants as p
    left join {{ ref('stg_fhir__practitioner_role') }} as r
        on r.source_system = p.source
        and r.resource_id = coalesce(p.practitioner_role_id, p.named_role_id)
    union all
    select
        s.source,
        s.id,
        {{ null_columns(['practitioner_resource_id', 'location_resource_id', 'device_resource_id']) }},
        coalesce(s.slot_id, named.target_id) as slot_resource_id
    from {{ current_version(
        source('lake', 'fhir__appointment_slot'), ref('stg_fhir__version'), 'Appointment'
    ) }} as s
    left join {{ references }} as named
        on {{ same_version('named', 's', 'Appointment') }}
        and named.element = 'slot'
        and named.ordinal = s.ordinal
        and named.target_type = 'Slot'
)

select distinct
    source as source_system,
    id as resource_id,
    practitioner_resource_id,
    location_resource_id,
    device_resource_id,
    slot_resource_id
from resources
where
    practitioner_resource_id is not null
    or location_resource_id is not null
    or device_resource_id is not null
    or slot_resource_id is not null

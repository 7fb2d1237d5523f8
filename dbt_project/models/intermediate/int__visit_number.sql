-- Grain: one row per visit number that is linked to an appointment or has another number (merged or
-- renumbered): the visit is keyed by the appointment, else by the number stated first. A number shared
-- by several appointments belongs to the one linked last.
with links as (
    select
        v.visit_number_authority,
        v.visit_number,
        {{ appointment_visit_key('a.appointment_authority', 'a.appointment_id') }} as visit_key,
        a.statement_order
    from {{ ref('stg_hl7v2__appointment') }} as a
    inner join {{ ref('stg_hl7v2__visit') }} as v on {{ same_patient_group('a', 'v') }}
    where a.appointment_id is not null and v.visit_number is not null
    union all
    select
        e.visit_number_authority,
        e.visit_number,
        {{ appointment_visit_key('a.appointment_authority', 'a.appointment_id') }} as visit_key,
        e.statement_order
    from {{ ref('stg_fhir__encounter') }} as e
    inner join {{ ref('stg_fhir__appointment') }} as a
        on a.source_system = e.source_system
        and a.resource_id = e.appointment_resource_id
        and a.is_current
    where e.is_current and e.visit_number is not null
),

numbers as (
    select
        visit_number_authority,
        visit_number,
        first_authority,
        first_number
    from {{ ref('int__visit_alias') }}
    union all
    select distinct
        l.visit_number_authority,
        l.visit_number,
        l.visit_number_authority as first_authority,
        l.visit_number as first_number
    from links as l
    left join {{ ref('int__visit_alias') }} as a
        on a.visit_number_authority = l.visit_number_authority and a.visit_number = l.visit_number
    where a.visit_number is null
),

-- A link of any number of a visit holds for all of them.
linked as (
    select
        n.first_authority,
        n.first_number,
        {{ latest_by('l.visit_key', 'l.statement_order || l.visit_key') }} as visit_key
    from links as l
    inner join numbers as n
        on n.visit_number_authority = l.visit_number_authority and n.visit_number = l.visit_number
    group by n.first_authority, n.first_number
)

select
    n.visit_number_authority,
    n.visit_number,
    coalesce(l.visit_key, {{ number_visit_key('n.first_authority', 'n.first_number') }}) as visit_key
from numbers as n
left join linked as l on l.first_authority = n.first_authority and l.first_number = n.first_number

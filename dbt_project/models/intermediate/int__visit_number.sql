-- Grain: one row per visit number that is linked to an appointment or has another number (merged or
-- renumbered): the visit is keyed by the appointment, else by the number stated first. Of a number that
-- several appointments share (`is_shared`) a statement is about one of them: int__visit_booking.
with links as (
    select
        n.visit_number_authority,
        n.visit_number,
        a.visit_key,
        a.statement_order
    from {{ ref('int__scheduling_message') }} as a
    inner join {{ ref('int__message_number') }} as n on {{ same_patient_group('a', 'n') }}
    where a.visit_key is not null and n.visit_number is not null
    union all
    select
        e.visit_number_authority,
        e.visit_number,
        a.visit_key,
        e.statement_order
    from {{ ref('int__encounter_number') }} as e
    inner join {{ ref('int__encounter_appointment') }} as a
        on a.source_system = e.source_system and a.resource_id = e.resource_id
    where e.visit_number is not null
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
        {{ latest_by('l.visit_key', 'l.statement_order || l.visit_key') }} as visit_key,
        count(distinct l.visit_key) > 1 as is_shared
    from links as l
    inner join numbers as n
        on n.visit_number_authority = l.visit_number_authority and n.visit_number = l.visit_number
    group by n.first_authority, n.first_number
)

select
    n.visit_number_authority,
    n.visit_number,
    n.first_authority || '|' || n.first_number as first_text,
    coalesce(l.visit_key, {{ number_visit_key('n.first_authority', 'n.first_number') }}) as visit_key,
    coalesce(l.is_shared, false) as is_shared
from numbers as n
left join linked as l on l.first_authority = n.first_authority and l.first_number = n.first_number

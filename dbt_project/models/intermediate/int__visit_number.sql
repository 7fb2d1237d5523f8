-- Grain: one row per visit number that is linked to an appointment: the visit is keyed by the
-- appointment. A number shared by several appointments belongs to the one linked last.
with links as (
    select
        v.visit_number_authority,
        v.visit_number,
        {{ appointment_visit_key('a.appointment_authority', 'a.appointment_id') }} as visit_key,
        a.statement_order
    from {{ ref('stg_hl7v2__appointment') }} as a
    inner join {{ ref('stg_hl7v2__visit') }} as v
        on v.source_system = a.source_system
        and v.received = a.received
        and v.message = a.message
        and v.patient_group = a.patient_group
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
)

select
    visit_number_authority,
    visit_number,
    {{ latest_by('visit_key', "statement_order || visit_key") }} as visit_key
from links
group by visit_number_authority, visit_number

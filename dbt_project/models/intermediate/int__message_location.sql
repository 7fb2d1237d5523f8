-- Grain: one row per location that a message names, and one for its unit. The PV1 of a message about a
-- person alone (A31) does not count: the message is about no visit.
{% set of_visit = "(feed <> 'adt' or event_region = 'visit')" %}
{% set named_locations = [
    (ref('stg_hl7v2__visit'), 'location', of_visit),
    (ref('stg_hl7v2__visit'), 'pending', of_visit),
    (ref('stg_hl7v2__appointment'), 'location', 'true'),
    (ref('stg_hl7v2__bed_status'), 'location', 'true'),
] %}
with locations as (
    {% for relation, name, condition in named_locations %}
    select
        source_system,
        source_ref,
        recorded_at,
        statement_order,
        {{ name }}_facility as facility,
        {{ name }}_unit as unit,
        {{ name }}_room as room,
        {{ name }}_bed as bed,
        {{ name }}_code as code
    from {{ relation }}
    where {{ name }}_code is not null and {{ condition }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select * from locations
union all
select
    source_system,
    source_ref,
    recorded_at,
    statement_order,
    facility,
    unit,
    {{ null_columns(['room', 'bed']) }},
    unit as code
from locations
where unit is not null and unit <> code

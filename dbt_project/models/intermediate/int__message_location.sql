-- Grain: one row per place that a message names, with its unit as a place of its own. The PV1 of a
-- message about a person alone (A31) names none.
{% set of_visit = "(feed <> 'adt' or event_region = 'visit')" %}
{% set places = [
    (ref('stg_hl7v2__visit'), 'location', of_visit),
    (ref('stg_hl7v2__visit'), 'pending', of_visit),
    (ref('stg_hl7v2__appointment'), 'location', 'true'),
    (ref('stg_hl7v2__bed_status'), 'location', 'true'),
] %}
with named as (
    {% for relation, name, condition in places %}
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

select * from named
union all
select source_system, source_ref, recorded_at, statement_order, facility, unit, null as room, null as bed, unit as code
from named
where unit is not null and unit <> code

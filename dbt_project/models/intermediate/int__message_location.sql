-- Grain: one row per place that a message names, with its unit as a place of its own.
{% set places = [
    (ref('stg_hl7v2__visit'), 'location'),
    (ref('stg_hl7v2__visit'), 'pending'),
    (ref('stg_hl7v2__appointment'), 'location'),
    (ref('stg_hl7v2__bed_status'), 'location'),
] %}
with named as (
    {% for relation, name in places %}
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
    where {{ name }}_code is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select * from named
union all
select source_system, source_ref, recorded_at, statement_order, facility, unit, null as room, null as bed, unit as code
from named
where unit is not null and unit <> code

-- Grain: one row per Encounter resource (winning version) that is over while another one of the same visit
-- goes on: an emergency encounter and the stay that it became can share a number without being part of each
-- other.
with encounters as (
    select
        e.source_system,
        e.resource_id,
        e.status,
        e.period_start_at,
        e.period_end_at,
        i.visit_key
    from {{ ref('stg_fhir__encounter') }} as e
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = e.source_system and i.resource_id = e.resource_id
    where e.is_current and not i.is_part
)

select distinct
    o.source_system,
    o.resource_id
from encounters as o
inner join encounters as g
    on g.visit_key = o.visit_key
    and g.source_system = o.source_system
    and g.resource_id <> o.resource_id
where
    o.status = 'finished'
    and (
        g.status in ('arrived', 'triaged', 'in-progress', 'onleave')
        or (
            g.status = 'finished'
            and g.period_end_at > o.period_end_at
            -- One after a gap is a readmission under the number: the stay before it ended.
            and g.period_start_at <= {{ plus_minutes('o.period_end_at', 60) }}
        )
    )
    and coalesce(g.period_start_at <= {{ plus_minutes('o.period_end_at', 60) }}, g.status <> 'finished')

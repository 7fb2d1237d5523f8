{{ config(materialized='table', database='scratch') }}
-- Grain: one row per sign that somebody reviews a result: a Task whose code means review_result, with its
-- result or order, and a Provenance of a result by which somebody vouches for it (seed review_signal).
{% set result_id = "([A-Za-z0-9.-]{1,64})" %}
{% set result_types = "(?:^|/)(?:DiagnosticReport|Observation)/" %}
with vouched as (
    select
        p.source,
        p.file,
        p.line,
        p.id,
        p.received,
        p.stated_at,
        coalesce(p.occurred_at, p.recorded_at) as reviewed_at,
        a.practitioner_id
    from {{ current_version(
        source('lake', 'fhir__provenance'), ref('stg_fhir__version'), 'Provenance'
    ) }} as p
    inner join {{ source('lake', 'fhir__provenance_agent') }} as a on {{ same_row('a', 'p') }}
    where
        exists (
            select 1
            from {{ ref('review_signal') }} as s
            where
                (s.element = 'activity' and s.code = p.activity_code)
                or (s.element = 'agent' and s.code in (a.type_code, a.role_code))
        )
)

select
    t.source_system,
    t.source_ref,
    t.recorded_at,
    t.resource_id,
    'task' as review_signal,
    nullif({{ part_of('f.focus_reference', result_types ~ result_id, 1) }}, '') as result_resource_id,
    t.service_request_resource_id,
    f.owner_practitioner_id as practitioner_resource_id,
    case
        when t.status = 'completed' then coalesce(t.completed_at, t.last_touched_at, t.recorded_at)
    end as reviewed_at
from {{ ref('stg_fhir__task') }} as t
inner join {{ source('lake', 'fhir__task') }} as f
    on f.source = t.source_system
    and f.id = t.resource_id
    and f.file || '#' || cast(f.line as string) = t.source_ref
where
    t.is_current
    and t.task_type = 'review_result'
    and coalesce(t.status, '') not in ('entered-in-error', 'cancelled', 'rejected', 'failed')
union all
select
    v.source as source_system,
    v.file || '#' || cast(v.line as string) as source_ref,
    v.stated_at as recorded_at,
    v.id as resource_id,
    'provenance' as review_signal,
    nullif({{ part_of('g.target_reference', result_types ~ result_id, 1) }}, '') as result_resource_id,
    cast(null as string) as service_request_resource_id,
    v.practitioner_id as practitioner_resource_id,
    v.reviewed_at
from vouched as v
inner join {{ source('lake', 'fhir__provenance_target') }} as g on {{ same_row('g', 'v') }}
where g.target_reference like '%DiagnosticReport/%' or g.target_reference like '%Observation/%'

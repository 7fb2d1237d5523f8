-- Grain: one row per stay of a visit in a bed: from the event that brought it there until the one that
-- moved it on. A stay without an end lasts.
select
    {{ key('bed_stay', ['s.event_id']) }} as bed_stay_key,
    s.bed_key,
    s.visit_key,
    v.patient_key,
    s.start_at,
    s.end_at,
    s.start_known_by,
    s.start_confidence,
    s.end_known_by,
    s.end_confidence,
    s.source_system,
    s.source_ref,
    s.recorded_at,
    {{ flags([
        ['end_before_start', 's.is_end_before_start'],
        ['bed_shared', 'o.visit_key is not null'],
    ]) }} as quality_flags
from {{ ref('int__bed_stay') }} as s
inner join {{ ref('canonical__visit') }} as v on v.visit_key = s.visit_key
-- Another visit in the same bed at the same time: both stays say so.
left join (
    select
        a.event_id,
        min(b.visit_key) as visit_key
    from {{ ref('int__bed_stay') }} as a
    inner join {{ ref('int__bed_stay') }} as b
        on b.bed_key = a.bed_key
        and b.visit_key <> a.visit_key
        and b.start_at < coalesce(a.end_at, {{ as_of() }})
        and a.start_at < coalesce(b.end_at, {{ as_of() }})
    group by a.event_id
) as o on o.event_id = s.event_id

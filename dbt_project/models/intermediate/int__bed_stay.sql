-- Grain: one row per stay of a visit in a bed, from the event that brought it there until the event that
-- moved it on; a stay without an end lasts. What states the bed again that the visit is in begins no stay.
with moves as (
    select
        event_id,
        visit_key,
        bed_key,
        location_effect,
        event_type,
        confidence,
        occurred_at,
        fold_order,
        source_system,
        source_ref,
        recorded_at,
        quality_flags
    from {{ ref('int__visit_event_fold') }}
    where
        is_effective
        and visit_key is not null
        -- An event that names no location (an A01 without PV1-3) moves nobody, so it ends no stay.
        and (location_effect = 'release' or (location_effect = 'occupy' and location_key is not null))
),

followed as (
    select
        *,
        lag(case when location_effect = 'occupy' then bed_key end) over (
            partition by visit_key order by fold_order
        ) as bed_key_before
    from moves
),

changes as (
    select
        *,
        lead(event_type) over visit_moves as end_known_by,
        lead(confidence) over visit_moves as end_confidence,
        lead(occurred_at) over visit_moves as stated_end_at,
        lead(fold_order) over visit_moves as end_order,
        -- Only a bed that is occupied next: a release carries the bed that is left.
        lead(case when location_effect = 'occupy' then bed_key end) over visit_moves as next_bed_key,
        lead(source_system) over visit_moves as end_source_system,
        lead(source_ref) over visit_moves as end_source_ref,
        lead(recorded_at) over visit_moves as end_recorded_at
    from followed
    where
        location_effect = 'release'
        or bed_key is null
        or bed_key_before is null
        or bed_key_before <> bed_key
    window visit_moves as (partition by visit_key order by fold_order)
)

select
    event_id,
    visit_key,
    bed_key,
    occurred_at as start_at,
    fold_order as start_order,
    event_type as start_known_by,
    confidence as start_confidence,
    -- An end that bears a time before the last move ends the stay that it found, and takes no time back.
    case when stated_end_at < occurred_at then occurred_at else stated_end_at end as end_at,
    coalesce(stated_end_at < occurred_at, false) as is_end_before_start,
    end_order,
    end_known_by,
    end_confidence,
    next_bed_key,
    coalesce(end_source_system, source_system) as source_system,
    coalesce(end_source_ref, source_ref) as source_ref,
    coalesce(end_recorded_at, recorded_at) as recorded_at
from changes
-- Filtered last: releases and moves without a bed had to be there to end the stays before them.
where bed_key is not null and location_effect = 'occupy'

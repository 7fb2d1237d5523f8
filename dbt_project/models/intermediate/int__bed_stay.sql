-- Grain: one row per stay of a visit in a bed, from the event that brought it there until the event that
-- moved it on; a stay without an end lasts.
with moves as (
    select
        visit_key,
        bed_key,
        occurred_at as start_at,
        fold_order as start_order,
        location_effect,
        lead(occurred_at) over (partition by visit_key order by fold_order) as end_at,
        lead(fold_order) over (partition by visit_key order by fold_order) as end_order,
        -- Only a bed that is occupied next: a release carries the bed that is left.
        lead(case when location_effect = 'occupy' then bed_key end) over (
            partition by visit_key order by fold_order
        ) as next_bed_key
    from {{ ref('int__visit_event_fold') }}
    where
        is_effective
        and visit_key is not null
        -- An event that names no location (an A01 without PV1-3) moves nobody, so it ends no stay.
        and (location_effect = 'release' or (location_effect = 'occupy' and location_key is not null))
)

select
    visit_key,
    bed_key,
    start_at,
    start_order,
    end_at,
    end_order,
    next_bed_key
from moves
-- Filtered last: releases and moves without a bed had to be there to end the stays before them.
where bed_key is not null and location_effect = 'occupy'

{{ config(materialized='ephemeral') }}
-- Grain: one row per bed that is about to be, or could be, free, and per patient who waits for
-- one; suppressed_by says why it is not on the list (null: it is). Nothing here names a person.
select
    subject_key,
    patient_key,
    row_type,
    visit_key,
    bed_key,
    facility_id,
    unit,
    room,
    bed,
    state,
    state_since,
    expected_vacate_at,
    vacate_precision,
    is_overdue,
    has_no_news,
    state_reason,
    discharge_ordered_at,
    source_ref,
    case when not is_place_known then 'place_unknown' end as suppressed_by
from {{ ref('int__discharge_and_bed_turnover_criteria') }}
where is_candidate

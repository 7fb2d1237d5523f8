-- Grain: one row per merge of two patient records that a source stated, as it is now: applied, held or
-- undone, and whether a registrar has to decide.
select
    m.merge_key,
    m.prior_own_key as prior_patient_key,
    m.surviving_own_key as surviving_patient_key,
    case
        when m.is_applied then 'applied'
        when m.is_in_question then 'held'
        else 'undone'
    end as state,
    m.is_in_question,
    m.decision,
    m.decided_at,
    m.source_trigger,
    m.source_system,
    m.source_ref,
    m.recorded_at,
    {{ flags([
        ['birth_date_conflict', 'm.is_birth_date_in_conflict'],
        ['sex_conflict', 'm.is_sex_in_conflict'],
        ['taken_back', 'm.is_unlinked'],
    ]) }} as quality_flags
from {{ first_ranked(
    ref('int__patient_merge'), 'merge_key', 'statement_order desc, prior_own_key, surviving_own_key'
) }} as m

-- One row per record that an applied merge names and period: itself until the merge, the survivor from then.
-- The merge counts from a registrar's decision, else from when its source recorded it. A merge that was taken
-- back is in no row: the record counts as itself throughout.
with applied as (
    select
        prior_patient_key,
        surviving_patient_key,
        coalesce(decided_at, recorded_at) as merged_at,
        merge_key,
        source_ref
    from {schema}.canonical__patient_merge
    where state = 'applied'
)

select
    prior_patient_key as record_patient_key,
    prior_patient_key as patient_key,
    cast(null as timestamptz) as valid_from,
    merged_at as valid_to,
    merge_key,
    source_ref
from applied
union all
select
    prior_patient_key as record_patient_key,
    surviving_patient_key as patient_key,
    merged_at as valid_from,
    cast(null as timestamptz) as valid_to,
    merge_key,
    source_ref
from applied

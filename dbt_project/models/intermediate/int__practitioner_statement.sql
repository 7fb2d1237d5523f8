-- Grain: one row per statement of a source about a practitioner. Rank 0 is the staff master (MFN), 1 the
-- directory (FHIR Practitioner), 2 a message that merely names the practitioner.
select
    practitioner_key,
    npi,
    family_name,
    given_names,
    display_name,
    specialty,
    is_active,
    0 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('int__master_practitioner') }}
union all
select
    practitioner_key,
    npi,
    family_name,
    given_names,
    display_name,
    {{ null_columns(['specialty']) }},
    is_active,
    1 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('stg_fhir__practitioner') }}
union all
select
    practitioner_key,
    case
        -- Messages number people as their sender does: not every number of ten digits is an NPI.
        when practitioner_authority = 'NPI' or {{ is_npi('practitioner_id') }} then practitioner_id
    end as npi,
    family_name,
    given_names,
    nullif(concat_ws(' ', given_names, family_name), '') as display_name,
    {{ null_columns(['specialty']) }},
    true as is_active,
    2 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('stg_hl7v2__person') }}
union all
select
    referring_practitioner_key as practitioner_key,
    case when {{ is_npi('referring_id') }} then referring_id end as npi,
    referring_family_name as family_name,
    referring_given_name as given_names,
    nullif(concat_ws(' ', referring_given_name, referring_family_name), '') as display_name,
    {{ null_columns(['specialty']) }},
    true as is_active,
    2 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('stg_hl7v2__referral') }}
where referring_practitioner_key is not null

-- Grain: one row per statement that one patient identifier was replaced by another.
-- Records that disagree on date of birth or sex may be two people, so such a merge is not applied.
with statements as (
    select
        prior_own_key,
        surviving_own_key,
        statement_order,
        recorded_at,
        source_system,
        source_ref,
        message_type || '^' || trigger_event as source_trigger,
        control_id,
        feed
    from {{ ref('stg_hl7v2__merge') }}
    -- Account and visit numbers are merged as well (MRG-3, MRG-5): those say nothing about who a person is.
    where identifier_type in ('MR', 'PI') and prior_own_key <> surviving_own_key
    union all
    select
        p.own_patient_key as prior_own_key,
        coalesce(
            survivor.own_patient_key,
            {{ key('patient', ['p.source_system', "'FHIR'", 'p.replaced_by_id']) }}
        ) as surviving_own_key,
        p.statement_order,
        p.recorded_at,
        p.source_system,
        p.source_ref,
        'Patient.link' as source_trigger,
        {{ null_columns(['control_id']) }},
        p.feed
    from {{ ref('stg_fhir__patient') }} as p
    left join {{ ref('stg_fhir__patient') }} as survivor
        on survivor.source_system = p.source_system and survivor.resource_id = p.replaced_by_id
    where p.replaced_by_id is not null
),

latest_demographics as (
    select
        own_patient_key,
        {{ latest_by("nullif(birth_date, '')", 'statement_order') }} as birth_date,
        {{ latest_by("nullif(administrative_sex, '')", 'statement_order') }} as administrative_sex
    from {{ ref('int__patient_statement') }}
    group by own_patient_key
),

-- What was cleared (`""`) or is unknown disagrees with nothing.
persons as (
    select
        own_patient_key,
        nullif(birth_date, '""') as birth_date,
        nullif(nullif(administrative_sex, '""'), 'unknown') as administrative_sex
    from latest_demographics
)

select
    m.prior_own_key,
    m.surviving_own_key,
    m.statement_order,
    m.recorded_at,
    m.source_system,
    m.source_ref,
    m.source_trigger,
    m.control_id,
    m.feed,
    coalesce(
        merged.birth_date <> survivor.birth_date
        or merged.administrative_sex <> survivor.administrative_sex,
        -- What one of the two does not state contradicts nothing, or no bare record could ever be merged.
        false
    ) as is_in_conflict
from statements as m
left join persons as merged on merged.own_patient_key = m.prior_own_key
left join persons as survivor on survivor.own_patient_key = m.surviving_own_key

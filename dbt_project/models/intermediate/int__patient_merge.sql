-- Grain: one row per statement that one patient identifier was replaced by another.
-- Records that disagree on date of birth or sex may be two people, so such a merge is not applied.
with told as (
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
    where identifier_type in ('MR', 'PI') and prior_own_key <> surviving_own_key
    union all
    select
        p.own_patient_key as prior_own_key,
        coalesce(other.own_patient_key, {{ key('patient', ['p.source_system', "'FHIR'", 'p.replaced_by_id']) }}) as surviving_own_key,
        p.statement_order,
        p.recorded_at,
        p.source_system,
        p.source_ref,
        'Patient.link' as source_trigger,
        null as control_id,
        p.feed
    from {{ ref('stg_fhir__patient') }} as p
    left join {{ ref('stg_fhir__patient') }} as other
        on other.source_system = p.source_system and other.resource_id = p.replaced_by_id
    where p.replaced_by_id is not null
),

person as (
    select
        own_patient_key,
        nullif({{ latest_by("nullif(birth_date, '')", 'statement_order') }}, '""') as birth_date,
        nullif(nullif({{ latest_by("nullif(administrative_sex, '')", 'statement_order') }}, '""'), 'unknown') as administrative_sex
    from {{ ref('int__patient_statement') }}
    group by own_patient_key
)

select
    t.prior_own_key,
    t.surviving_own_key,
    t.statement_order,
    t.recorded_at,
    t.source_system,
    t.source_ref,
    t.source_trigger,
    t.control_id,
    t.feed,
    coalesce(
        p.birth_date <> s.birth_date or p.administrative_sex <> s.administrative_sex, false
    ) as is_in_conflict
from told as t
left join person as p on p.own_patient_key = t.prior_own_key
left join person as s on s.own_patient_key = t.surviving_own_key

-- Grain: one row per role_key: what a practitioner is, in which specialty and where, as the directory (FHIR)
-- or the staff master states it.
with roles as (
    select
        {{ key('role', [
            'r.source_system', 'r.resource_id', "coalesce(r.specialty_code, lower(r.specialty), '')"
        ]) }} as role_key,
        d.practitioner_key,
        r.role_code,
        r.role_name,
        r.specialty_system,
        r.specialty_code,
        r.specialty,
        l.location_key,
        r.is_active,
        r.period_start_at,
        r.period_end_at,
        r.statement_order,
        r.source_system,
        r.source_ref,
        r.recorded_at
    from {{ ref('stg_fhir__practitioner_specialty') }} as r
    inner join {{ ref('stg_fhir__practitioner_role') }} as a
        on a.source_system = r.source_system and a.resource_id = r.resource_id
    left join {{ ref('stg_fhir__practitioner') }} as d
        on d.source_system = r.source_system and d.resource_id = a.practitioner_resource_id
    left join {{ ref('int__fhir_location') }} as l
        on l.source_system = r.source_system and l.resource_id = a.location_resource_id
    union all
    select
        {{ key('role', ['s.practitioner_key', "'staff'", 'lower(s.specialty)']) }} as role_key,
        s.practitioner_key,
        s.role_code,
        {{ null_columns(['role_name', 'specialty_system', 'specialty_code']) }},
        s.specialty,
        {{ null_columns(['location_key']) }},
        -- An entry that says nothing of itself (MFE-1) states its record.
        coalesce(m.is_active, true) and s.is_stated_active as is_active,
        {{ null_columns(['period_start_at', 'period_end_at']) }},
        s.statement_order,
        s.source_system,
        s.source_ref,
        s.recorded_at
    from {{ ref('stg_hl7v2__practitioner_specialty') }} as s
    inner join {{ ref('int__master_record') }} as m
        on m.source_system = s.source_system
        and m.sender = s.sender
        and m.master = s.master
        and m.record_id = s.record_id
        and m.detail_order = s.statement_order
)

select
    role_key,
    practitioner_key,
    role_code,
    role_name,
    specialty_system,
    specialty_code,
    specialty,
    location_key,
    is_active,
    period_start_at,
    {{ open_end('period_end_at') }} as period_end_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['no_practitioner', 'practitioner_key is null'],
        ['no_specialty', 'specialty is null'],
    ]) }} as quality_flags
from {{ first_ranked('roles', 'role_key', 'is_active desc, statement_order desc, source_ref desc') }}

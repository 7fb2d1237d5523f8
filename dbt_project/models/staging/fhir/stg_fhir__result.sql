{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a DiagnosticReport, and of an Observation that answers an order by
-- itself; `is_current` marks the winning one. Never the value of a result.
{% set zone = source_zone('r.source') %}
{% set references = ref('stg_fhir__reference') %}
{% set version = ref('stg_fhir__version') %}
with reports as (
    select
        'DiagnosticReport' as resource_type,
        r.source,
        r.received,
        r.file,
        r.line,
        r.id,
        r.patient_id,
        r.encounter_id,
        r.status,
        r.category_code,
        r.code_text,
        r.issued_at,
        r.effective_text,
        r.effective_at as performed_at,
        winner.stated_at,
        winner.is_stamped,
        winner.statement_order,
        winner.is_current
    from {{ source('lake', 'fhir__diagnostic_report') }} as r
    inner join {{ version }} as winner on {{ same_version('winner', 'r', 'DiagnosticReport') }}
    union all
    select
        'Observation' as resource_type,
        r.source,
        r.received,
        r.file,
        r.line,
        r.id,
        r.patient_id,
        r.encounter_id,
        r.status,
        r.category_code,
        r.code_text,
        coalesce(r.issued_at, r.effective_at) as issued_at,
        cast(null as string) as effective_text,
        r.effective_at as performed_at,
        winner.stated_at,
        winner.is_stamped,
        winner.statement_order,
        winner.is_current
    from {{ source('lake', 'fhir__observation') }} as r
    inner join {{ version }} as winner on {{ same_version('winner', 'r', 'Observation') }}
    where
        r.based_on_id is not null
        and not exists (
            select 1
            from {{ source('lake', 'fhir__diagnostic_report_result') }} as part
            where part.source = r.source and part.observation_id = r.id
        )
),

codings as (
    {% for relation, resource_type in [
        (source('lake', 'fhir__diagnostic_report_coding'), 'DiagnosticReport'),
        (source('lake', 'fhir__observation_coding'), 'Observation'),
    ] %}
    select
        '{{ resource_type }}' as resource_type,
        k.source,
        k.received,
        k.line,
        k.id,
        k.code_system,
        k.code,
        k.display
    from {{ chosen_coding(
        '(select c.* from ' ~ codings_of(relation, 'code') ~ ' as c inner join reports as r on '
            ~ same_row('r', 'c') ~ ')',
        ['code'], version_keys(), none, ref('coding_rank'), '*',
    ) }} as k
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    {{ fhir_origin('r') }},
    {{ fhir_order('r') }} as statement_order,
    r.is_stamped,
    r.is_current,
    r.resource_type,
    r.performed_at,
    coalesce(
        r.patient_id,
        {{ named_id(references, 'r', 'DiagnosticReport', 'subject', 'Patient') }},
        {{ named_id(references, 'r', 'Observation', 'subject', 'Patient') }}
    ) as patient_resource_id,
    r.encounter_id as encounter_resource_id,
    r.status as status_code,
    {{ mapped('status', 'r.status') }} as result_status,
    r.category_code,
    {{ mapped('category', 'r.category_code') }} as result_category,
    k.code_system,
    k.code,
    coalesce(k.display, r.code_text) as display,
    coalesce(r.issued_at, {{ fhir_placed_at('r.effective_text', 'r.stated_at', zone) }}) as resulted_at
from reports as r
left join codings as k on {{ same_row('k', 'r') }} and k.resource_type = r.resource_type
{{ join_code_map(ref('code_map_result_status'), 'status', 'r.source', 'r.status') }}
{{ join_code_map(ref('code_map_order_category'), 'category', 'r.source', 'r.category_code') }}
where coalesce(r.status, '') <> 'entered-in-error'

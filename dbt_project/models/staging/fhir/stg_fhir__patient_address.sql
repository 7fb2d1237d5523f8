-- Grain: one row per address of the winning version of a Patient; `choice` 1 is the one to use, if any is.
select
    {{ fhir_origin('a') }},
    a.ordinal,
    a.use as address_use,
    coalesce(a.address_line, case when a.city is null then a.address_text end) as address_line,
    a.city,
    a.state,
    a.postal_code,
    case when {{ is_chosen('address', 'a') }} then
        row_number() over (
            partition by a.source, a.received, a.line, a.id
            order by
                case when {{ is_chosen('address', 'a') }} then {{ ranked('address') }} end asc nulls last,
                a.ordinal
        )
    end as choice
from {{ current_version(
    source('lake', 'fhir__patient_address'), ref('stg_fhir__version'), 'Patient'
) }} as a
{{ join_repetition_rank(ref('repetition_rank'), 'address', 'patient', 'address', 'fhir', 'a.use') }}
where coalesce(a.address_line, a.city, a.state, a.postal_code, a.address_text) is not null

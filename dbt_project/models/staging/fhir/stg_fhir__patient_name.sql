-- Grain: one row per name of the winning version of a Patient; `choice` 1 is the one to use, if any is.
-- Of a name that is text alone the words are the given names but for the last; before a comma stands the
-- family name.
with names as (
    select
        *,
        trim({{ part_of('name_text', '^(?:(?:[Mm]rs?|[Mm]s|[Dd]r|[Pp]rof)[.]? +)*(.*)$', 1) }}) as plain_text
    from {{ current_version(
        source('lake', 'fhir__patient_name'), ref('stg_fhir__version'), 'Patient'
    ) }} as n
),

parts as (
    select
        *,
        coalesce(family_name, given_names) is null as is_text_alone,
        plain_text like '%,%' as is_family_first
    from names
)

select
    {{ fhir_origin('n') }},
    n.ordinal,
    n.use as name_use,
    case
        when not n.is_text_alone then n.family_name
        when n.is_family_first then trim(split_part(n.plain_text, ',', 1))
        else nullif({{ part_of('n.plain_text', '^(?:.* )?([^ ]+)$', 1) }}, '')
    end as family_name,
    case
        when not n.is_text_alone then n.given_names
        when n.is_family_first then nullif(trim(split_part(n.plain_text, ',', 2)), '')
        else nullif({{ part_of('n.plain_text', '^(.*) [^ ]+$', 1) }}, '')
    end as given_names,
    case when {{ is_chosen('name', 'n') }} then
        row_number() over (
            partition by n.source, n.received, n.line, n.id
            order by
                case when {{ is_chosen('name', 'n') }} then {{ ranked('name') }} end asc nulls last,
                n.ordinal
        )
    end as choice
from parts as n
{{ join_repetition_rank(ref('repetition_rank'), 'name', 'patient', 'name', 'fhir', 'n.use') }}
where coalesce(n.family_name, n.given_names, n.plain_text) is not null

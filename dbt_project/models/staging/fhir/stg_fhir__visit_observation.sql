-- Grain: one row per Observation (winning version) that the seed step_event knows, with when it was made.
{% set zone = source_zone('o.source') %}
select
    {{ fhir_origin('o') }},
    coalesce(
        o.encounter_id,
        {{ named_id(ref('stg_fhir__reference'), 'o', 'Observation', 'encounter', 'Encounter') }}
    ) as encounter_resource_id,
    o.code,
    coalesce(
        o.value_code,
        cast(o.value_boolean as string),
        cast(o.value_integer as string),
        cast(o.value_quantity_value as string)
    ) as value,
    -- A value that is a time is the time of the step.
    coalesce(
        {{ fhir_placed_at('o.value_text', 'o.stated_at', zone) }},
        {{ fhir_placed_at('o.effective_end_text', 'o.stated_at', zone) }},
        {{ fhir_placed_at('o.effective_text', 'o.stated_at', zone) }},
        o.effective_instant_at,
        o.issued_at
    ) as observed_at,
    coalesce(
        {{ fhir_time_precision('o.value_text') }},
        {{ fhir_time_precision('o.effective_end_text') }},
        {{ fhir_time_precision('o.effective_text') }},
        case when coalesce(o.effective_instant_at, o.issued_at) is not null then 'second' end
    ) as observed_precision,
    case
        when o.effective_end_text is not null
            then {{ fhir_placed_at('o.effective_text', 'o.stated_at', zone) }}
    end as period_start_at,
    {{ fhir_time_precision('o.effective_text') }} as period_start_precision,
    o.statement_order,
    o.is_stamped
from {{ current_version(
    source('lake', 'fhir__observation'), ref('stg_fhir__version'), 'Observation'
) }} as o
where
    o.code in (
        select s.code
        from {{ ref('step_event') }} as s
        where s.element = 'observation'
    )
    and coalesce(o.status, '') not in ('registered', 'cancelled', 'entered-in-error')

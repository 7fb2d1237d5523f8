-- Grain: one row per visit and feed that states its acuity (seed acuity_code), the latest.
with stated as (
    select
        'adt' as feed,
        v.visit_key,
        c.scale as acuity_scale,
        x.value as acuity_level,
        e.statement_order
    from {{ ref('stg_hl7v2__event') }} as e
    inner join {{ source('lake', 'hl7v2__obx') }} as x on {{ same_message('e', 'x') }}
    inner join {{ ref('acuity_code') }} as c on c.code = x.observation_code
    inner join {{ ref('int__message_visit') }} as v
        on {{ same_staged_message('e', 'v') }} and v.patient_group = x.patient_group
    where v.visit_key is not null and not coalesce(e.recorded_at > {{ as_of() }}, false)
    union all
    select
        {{ fhir_feed('o.source') }} as feed,
        i.visit_key,
        c.scale as acuity_scale,
        coalesce(o.value_code, cast(o.value_integer as string), cast(o.value_quantity_value as string))
            as acuity_level,
        o.statement_order
    from {{ current_version(
        source('lake', 'fhir__observation'), ref('stg_fhir__version'), 'Observation'
    ) }} as o
    inner join {{ ref('acuity_code') }} as c on c.code = o.code
    inner join {{ ref('int__fhir_encounter') }} as i
        on i.source_system = o.source and i.resource_id = o.encounter_id
    where coalesce(o.status, '') not in ('cancelled', 'entered-in-error')
)

select
    visit_key,
    {{ latest_by('acuity_level', 'statement_order') }} as acuity_level,
    {{ latest_by('case when acuity_level is not null then acuity_scale end', 'statement_order') }}
        as acuity_scale
from stated
group by visit_key

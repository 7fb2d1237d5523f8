{{ config(materialized='table', database='scratch') }}
-- Grain: one row per Patient resource (winning version).
{% set zone = source_zone('p.source') %}
with first_versions as (
    select
        source,
        id,
        min({{ fhir_order('v') }}) as first_order
    from {{ ref('stg_fhir__version') }} as v
    where resource_type = 'Patient'
    group by source, id
),

-- What the patient is called: a nickname, else the usual name, of those that hold now.
called as (
    select
        source_system,
        resource_id,
        {{ earliest_by("case when choice is not null then given_names end", "name_use || choice") }}
            as preferred_name
    from {{ ref('stg_fhir__patient_name') }}
    where name_use in ('nickname', 'usual')
    group by source_system, resource_id
),

telecoms as (
    select
        source,
        received,
        line,
        id,
        {% for contact in ['phone_mobile', 'phone_home', 'phone_work', 'email'] -%}
        max(case when contact = '{{ contact }}' and choice = 1 then value end) as {{ contact }}
        {{- "," if not loop.last }}
        {% endfor %}
    from {{ ref('stg_fhir__patient_telecom') }}
    group by source, received, line, id
)

select
    {{ fhir_origin('p') }},
    {{ fhir_order('p') }} as statement_order,
    f.first_order,
    {{ fhir_feed('p.source') }} as feed,
    n.family_name,
    n.given_names,
    n.name_use,
    k.preferred_name,
    p.interpreter_required as is_interpreter_needed,
    coalesce(
        p.general_practitioner_id,
        {{ named_id(ref('stg_fhir__reference'), 'p', 'Patient', 'generalPractitioner', 'Practitioner') }}
    ) as general_practitioner_resource_id,
    p.birth_date,
    {{ mapped('sex', 'p.gender') }} as administrative_sex,
    case
        -- A year alone is a death all the same.
        when {{ fhir_time_precision('p.deceased_text') }} is not null then true
        else p.deceased_boolean
    end as is_deceased,
    case
        when {{ fhir_time_precision('p.deceased_text') }} in ('day', 'minute', 'second')
            then {{ fhir_time_at('p.deceased_text', zone) }}
    end as deceased_at,
    t.phone_mobile,
    t.phone_home,
    t.phone_work,
    t.email,
    a.address_line,
    a.city,
    a.state,
    a.postal_code,
    p.preferred_language,
    p.is_active,
    p.is_test,
    p.replaced_by_id
from {{ current_version(source('lake', 'fhir__patient'), ref('stg_fhir__version'), 'Patient') }} as p
left join first_versions as f on f.source = p.source and f.id = p.id
left join {{ ref('stg_fhir__patient_name') }} as n
    on n.source_system = p.source and n.resource_id = p.id and n.choice = 1
left join called as k on k.source_system = p.source and k.resource_id = p.id
left join {{ ref('stg_fhir__patient_address') }} as a
    on a.source_system = p.source and a.resource_id = p.id and a.choice = 1
left join telecoms as t on {{ same_row('t', 'p') }}
{{ join_code_map(ref('code_map_administrative_sex'), 'sex', 'p.source', 'p.gender') }}

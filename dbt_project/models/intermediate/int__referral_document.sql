-- Grain: one row per referral whose task states which documents are there (seed referral_input).
with stated as (
    select
        i.referral_key,
        m.meaning,
        n.value_code,
        n.value_boolean
    from {{ ref('stg_fhir__task') }} as t
    inner join {{ source('lake', 'fhir__task_input') }} as n
        on n.source = t.source_system
        and n.id = t.resource_id
        and n.file || '#' || cast(n.line as string) = t.source_ref
    inner join {{ ref('referral_input') }} as m on m.type_code = n.type_code
    inner join {{ ref('int__referral_request') }} as i
        on i.source_system = t.source_system and i.resource_id = t.service_request_resource_id
    where t.is_current
)

select
    referral_key,
    {{ collect_set("case when meaning = 'missing' then value_code end") }} as missing_docs,
    min(case when meaning = 'complete' then case when value_boolean then 1 else 0 end end) as stated_complete,
    count(case when meaning = 'missing' then 1 end) as missing_count
from stated
group by referral_key

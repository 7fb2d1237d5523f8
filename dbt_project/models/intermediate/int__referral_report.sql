-- Grain: one row per referral on which a report was based, with when it was there first.
select
    i.referral_key,
    min(r.resulted_at) as reported_at
from {{ ref('stg_fhir__result') }} as r
inner join {{ ref('stg_fhir__result_link') }} as l
    on l.source_system = r.source_system
    and l.resource_type = r.resource_type
    and l.resource_id = r.resource_id
inner join {{ ref('int__referral_request') }} as i
    on i.source_system = l.source_system and i.resource_id = l.service_request_resource_id
where r.result_status in ('final', 'corrected') and r.resulted_at <= {{ as_of() }}
group by i.referral_key

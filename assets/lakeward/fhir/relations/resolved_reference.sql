-- Every reference of stored FHIR resources that are not deleted and what it names, over the keys of
-- fhir_current; one row per reference of a version. `is_resolved`: what it names is current.
with not_deleted as (
    select source, resource_type, id, received, line, is_current
    from {schema}.fhir_version
    where not is_deleted
),
target as (
    select distinct source, resource_type, id from not_deleted where is_current
),
-- Where no export names the server of a source, every absolute reference is taken for its own.
own_server as (
    select distinct source, server_base from {ledger_entry} where server_base is not null
),
reference as (
    select
        r.*, v.is_current,
        r.kind in ('absolute', 'versioned') and r.server_base is not null
        and r.source in (select source from own_server)
        and (r.source, r.server_base) not in (select (source, server_base) from own_server)
            as is_foreign
    from {fhir_reference} as r
    join not_deleted as v using (source, resource_type, id, received, line)
),
-- What an identifier names, if it is one thing; a reference without a type may mean any type.
named as (
    select
        r.source, r.target_type, r.identifier_system, r.identifier_value,
        min(i.resource_type) as resource_type, min(i.id) as id
    from (
        select distinct source, target_type, identifier_system, identifier_value
        from reference
        where kind in ('conditional', 'logical') and identifier_value is not null
    ) as r
    join (
        select source, resource_type, id, identifier_system, identifier_value
        from {fhir_identifier}
        semi join (select * from not_deleted where is_current) as v
            using (source, resource_type, id, received, line)
    ) as i
        on i.source = r.source
        and i.identifier_value = r.identifier_value
        and (r.target_type is null or i.resource_type = r.target_type)
        and (r.identifier_system is null or coalesce(i.identifier_system, '') = r.identifier_system)
    group by all
    having count(distinct (i.resource_type, i.id)) = 1
),
-- A urn names the entry of a Bundle whose resource bears that id.
entry as (
    select source, id, min(resource_type) as resource_type
    from target
    where id in (select target_id from reference where kind = 'urn')
    group by source, id
    having count(*) = 1
),
resolved as (
    select
        r.source, r.resource_type, r.id, r.received, r.line, r.element, r.ordinal,
        case when r.is_foreign then 'foreign' else r.kind end as kind,
        coalesce(n.resource_type, e.resource_type, r.target_type) as target_type,
        case
            when r.is_foreign then null
            when r.kind = 'urn' then e.id
            else coalesce(n.id, r.target_id)
        end as target_id,
        r.is_contained, r.is_current
    from reference as r
    left join named as n
        on r.kind in ('conditional', 'logical')
        and n.source = r.source
        and n.target_type is not distinct from r.target_type
        and n.identifier_system is not distinct from r.identifier_system
        and n.identifier_value = r.identifier_value
    left join entry as e on r.kind = 'urn' and e.source = r.source and e.id = r.target_id
)
select
    r.source, r.resource_type, r.id, r.received, r.line, r.element, r.ordinal, r.kind,
    r.target_type, r.target_id, r.is_current, r.is_contained or t.id is not null as is_resolved
from resolved as r
left join target as t
    on t.source = r.source and t.resource_type = r.target_type and t.id = r.target_id

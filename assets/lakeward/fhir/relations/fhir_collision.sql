-- Where several statements about one FHIR resource compete, by what decided; one row per
-- (source, resource_type, kind). Nothing is dropped in silence: what lost is in fhir_version.
with deletion as (
    select
        *,
        regexp_full_match(url, '(https?://[^?#\s]+/|/)?[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,255}') as is_usable
    from {fhir__bundle_deletion}
),
-- Only ids of which several contents are stored are looked at.
contested as (
    select
        source, resource_type, id, received, line, day, file, transaction_time, version_id,
        content_sha256, is_subsetted
    from {schema}.raw_fhir__resource
    semi join (
        select source, resource_type, id from {schema}.raw_fhir__resource
        group by source, resource_type, id having count(*) > 1
    ) as t using (source, resource_type, id)
),
several as (
    select
        source, resource_type, 'several_in_one_delivery' as kind, id,
        count(distinct content_sha256) as versions
    from contested
    group by source, resource_type, id, day, regexp_extract(file, '^(.*)/', 1), transaction_time
    having count(distinct content_sha256) > 1
    union all
    select t.source, t.resource_type, 'several_in_one_delivery' as kind, t.id, 1 as versions
    from {raw_fhir__repeat} as r
    join contested as t using (source, received, line)
    where r.is_beside_another
    union all
    select
        source, resource_type, 'same_version_id' as kind, id,
        count(distinct content_sha256) as versions
    from contested
    where version_id is not null and not is_subsetted
    group by source, resource_type, id, version_id
    having count(distinct content_sha256) > 1
),
noted as (
    select source, resource_type, id, discriminator, is_decided_by_delivery
    from {schema}.fhir_version
    where discriminator is not null or is_decided_by_delivery
)
select
    source, resource_type, kind, count(distinct id) as ids, cast(sum(versions) as bigint) as versions
from (
    select * from several
    union all
    select source, resource_type, 'id_of_different_things', id, 1
    from noted where discriminator is not null
    union all
    select source, resource_type, 'decided_by_delivery', id, 1
    from noted where is_decided_by_delivery
)
group by source, resource_type, kind
union all
select
    d.source, regexp_extract(d.url, '([A-Za-z]+)/[^/]+$', 1) as resource_type,
    'output_and_deleted_in_one_export' as kind,
    count(distinct d.url) as ids, count(distinct (v.received, v.line)) as versions
from deletion as d
join {schema}.raw_fhir__resource as b
    on b.source = d.source and b.resource_type = 'Bundle' and b.id = d.id
    and b.received = d.received and b.line = d.line
join (
    select source, resource_type, id, received, line, transaction_time
    from {schema}.raw_fhir__resource
    union
    select r.source, r.resource_type, r.id, r.received, r.line, p.transaction_time
    from {raw_fhir__repeat} as p
    join {schema}.raw_fhir__resource as r using (source, received, line)
) as v
    on v.source = d.source
    and v.resource_type = regexp_extract(d.url, '([A-Za-z]+)/[^/]+$', 1)
    and v.id = regexp_extract(d.url, '([^/]+)$', 1)
    and v.transaction_time = b.transaction_time
where d.is_usable
group by all
union all
select
    d.source, coalesce(t.resource_type, 'unknown') as resource_type, 'deletion_not_applied' as kind,
    count(distinct d.url) as ids, count(*) as versions
from deletion as d
-- a type that the lake knows, for a wrong URL may say anything
left join (select distinct resource_type from {schema}.raw_fhir__resource) as t
    on t.resource_type = regexp_extract(d.url, '([A-Z][A-Za-z]+)[/?][^/]*$', 1)
where not coalesce(d.is_usable, false)
group by all

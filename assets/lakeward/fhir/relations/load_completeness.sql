-- What came of each FHIR export, so that "there is none" and "it was not loaded" differ; one row per
-- (source, export_group, resource_type, transaction_time, day). Without a manifest the promise is
-- unknown: a row per delivery day, `is_complete` NULL. A type that was asked for and has no file is
-- there with 0; a type that nobody asked for is not there.
with promise as (
    select * from (
        select *, max(revision) over (partition by source, manifest) as last_revision
        from {export_file}
    )
    where revision = last_revision
),
entry as (
    select * from (
        select *, row_number() over (partition by source, file order by received desc) as newest_rank
        from {schema}.ledger
    )
    where newest_rank = 1
),
-- OperationOutcomes without an issue of severity error or fatal.
harmless as (
    select source, received, count(*) as messages
    from (
        select source, received, resource
        from {schema}.raw_fhir__resource
        where resource_type = 'OperationOutcome'
        union all
        select r.source, r.repeat_received as received, o.resource
        from {raw_fhir__repeat} as r
        join {schema}.raw_fhir__resource as o using (source, received, line)
        where o.resource_type = 'OperationOutcome'
    )
    where not list_has_any(
        coalesce(json_extract_string(resource, '$.issue[*].severity'), []), ['error', 'fatal']
    )
    group by source, received
),
export as (
    select
        p.source, p.manifest,
        count(*) filter (
            where p.kind = 'deleted' and (e.found is null or e.quarantined > 0)
        ) as deletions_missing,
        coalesce(sum(e.found - coalesce(h.messages, 0)) filter (where p.kind = 'outcome'), 0)
            as errors
    from promise as p
    left join entry as e on e.source = p.source and e.file = p.file
    left join harmless as h on h.source = e.source and h.received = e.received
    group by p.source, p.manifest
),
promised as (
    select
        p.source, p.export_group, p.resource_type, p.transaction_time, p.day,
        count(p.file) as files_promised,
        count(e.found) as files_loaded,
        case when count(*) = count(p.promised) then sum(p.promised) end as resources_promised,
        coalesce(sum(e.found), 0) as resources_found,
        coalesce(sum(e.stored), 0) as resources_stored,
        coalesce(sum(e.duplicate), 0) as resources_duplicate,
        coalesce(sum(e.quarantined), 0) as resources_quarantined,
        max(x.errors) as errors,
        count(p.file) = count(e.found)
            and bool_and(p.promised is null or coalesce(e.found, 0) = p.promised)
            and coalesce(sum(e.quarantined), 0) = 0
            and max(x.errors) = 0 and max(x.deletions_missing) = 0 as is_complete
    from promise as p
    join export as x using (source, manifest)
    left join entry as e on e.source = p.source and e.file = p.file
    where p.kind = 'output'
    group by p.source, p.export_group, p.resource_type, p.transaction_time, p.day
),
-- Files of which no manifest speaks: their types are those of what is stored, else of their name.
file_type as (
    select source, received, resource_type, count(*) as stored
    from {schema}.raw_fhir__resource
    group by source, received, resource_type
),
unpromised as (
    select
        e.source, e.received, e.day,
        coalesce(
            t.resource_type,
            nullif(regexp_extract(e.file, '/([A-Z][A-Za-z]+)[^/]*$', 1), '')
        ) as resource_type,
        count(*) over (partition by e.source, e.received) = 1 as is_of_one_type,
        coalesce(t.stored, 0) as stored, e.found, e.duplicate, e.quarantined
    from entry as e
    left join file_type as t on t.source = e.source and t.received = e.received
    where e.kind is null and e.found is not null and e.state <> 'ignored'
        and e.source in (select source from file_type)
)
select
    source, export_group, resource_type, transaction_time, day, files_promised, files_loaded,
    cast(resources_promised as bigint) as resources_promised,
    cast(resources_found as bigint) as resources_found,
    cast(resources_stored as bigint) as resources_stored,
    cast(resources_duplicate as bigint) as resources_duplicate,
    cast(resources_quarantined as bigint) as resources_quarantined,
    cast(errors as bigint) as errors, is_complete,
    max(case when is_complete then transaction_time end) over (
        partition by source, export_group, resource_type
    ) as last_complete_at
from promised
union all
select
    source, null, resource_type, null, day, null, count(distinct received),
    null,
    cast(sum(case when is_of_one_type then found else stored end) as bigint),
    cast(sum(stored) as bigint),
    cast(sum(case when is_of_one_type then duplicate end) as bigint),
    cast(sum(case when is_of_one_type then quarantined end) as bigint),
    null, null, null
from unpromised
group by source, resource_type, day

-- The winning version of every FHIR resource, deleted ones gone; one row per (source, resource_type,
-- id), or per discriminator where an id stands for different things. What an export says of itself, the
-- outcome of an operation or a Bundle of deletions, is no resource of the hospital.
select
    v.source, v.resource_type, v.id, v.version_id, v.last_updated, v.content_sha256,
    v.received, v.line, v.file, v.discriminator, r.resource
from {schema}.fhir_version as v
join {schema}.raw_fhir__resource as r
    using (source, resource_type, id, received, line, content_sha256)
where v.is_current
    and v.resource_type <> 'OperationOutcome'
    and not (
        v.resource_type = 'Bundle'
        and (v.source, v.received, v.line, v.id) in (
            select (source, received, line, id) from {fhir__bundle_deletion}
        )
    )

-- The winning version of every FHIR resource; one row per (source, resource_type, id).
-- Order: full before SUBSETTED, later lastUpdated, higher numeric versionId, later delivery and line.
select
    source, resource_type, id, version_id, last_updated, content_sha256,
    received, line, file, resource
from (
    select
        *,
        row_number() over (
            partition by source, resource_type, id
            order by
                is_subsetted asc,
                last_updated desc nulls last,
                try_cast(version_id as bigint) desc nulls last,
                received desc,
                line desc
        ) as version_rank
    from {schema}.raw_fhir__resource
)
where version_rank = 1

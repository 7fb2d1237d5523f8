-- The good records of contested resources in this load. One row per record: the columns of `record`,
--   is_duplicate  raw holds it already, or will hold it from an earlier record of this load
-- A record with lastUpdated or versionId orders itself: it is a duplicate when its content has been
-- seen under its id, in raw or earlier in this load.
create or replace temp table contested_record as
select
    r.*,
    case
        when r.last_updated_text is null and r.version_id is null then u.is_duplicate
        else row_number() over (
            partition by r.resource_type, r.id, r.content_sha256 order by r.received, r.line
        ) > 1 or (r.resource_type, r.id, r.content_sha256)
            in (select (resource_type, id, content_sha256) from stored_version)
    end as is_duplicate
from record as r
left join unversioned_statement as u using (received, line, resource_type, id)
where r.reason is null and r.key in (select key from contested)

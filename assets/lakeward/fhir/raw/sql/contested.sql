-- The resources of which this load does not hold the only record. One row per resource:
--   key  hash of its type and id; two resources with one hash only cost a look too many
-- Most resources of a first load are not contested, and everything below leaves them out.
create or replace temp table contested as
select key from record where reason is null group by key having count(*) > 1
union
select hash(resource_type, id) as key
from raw_fhir__resource
where source = $source and received < $first
    and hash(resource_type, id) in (select key from record where reason is null)

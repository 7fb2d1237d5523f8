-- References of current FHIR resources that name nothing current, counted; one row per
-- (source, from_type, element, kind, target_type). Never an error by itself: exports leave out
-- resources, and a display or a foreign server names nothing here at all.
select
    source, resource_type as from_type, element, kind, target_type,
    count(*) as count, count(distinct id) as resources
from {schema}.resolved_reference
where is_current and not is_resolved
group by source, resource_type, element, kind, target_type

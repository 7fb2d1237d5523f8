-- Grain: one row per visit that a statement may be about by a number that names several things: stated
-- without an authority while several have it, of the placer of several appointments, or one that several
-- appointments of a source bear. What cannot be decided is not joined; the visit is flagged.
select visit_key
from {{ ref('int__scheduling_message') }}
where is_ambiguous and visit_key is not null
union
select visit_key
from {{ ref('int__appointment_version') }}
where is_ambiguous
union
select visit_key
from {{ ref('int__message_visit') }}
where is_ambiguous and visit_key is not null

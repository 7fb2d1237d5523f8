-- The repeats that this load adds; columns and grain of `raw_fhir__repeat`. A duplicate repeats the
-- latest stored row of its content, in raw or in this load. Files up to $done are remembered already.
create or replace temp table new_repeat as
with stored as (
    select resource_type, id, content_sha256, received, line from stored_version
    union all
    select resource_type, id, content_sha256, received, line from contested_record
    where not is_duplicate
),
latest_stored as (
    select resource_type, id, content_sha256, max((received, line)) as position
    from stored group by all
)
select
    $source as source, s.position[1] as received, s.position[2] as line,
    max((i.stated_in, r.line))[1] as repeat_received, max((i.stated_in, r.line))[2] as repeat_line,
    max(i.transaction_time) as transaction_time,
    coalesce(bool_or(u.is_beside_another), false) as is_beside_another
from contested_record as r
join latest_stored as s using (resource_type, id, content_sha256)
join incoming as i using (received)
left join unversioned_statement as u using (received, line, resource_type, id)
where r.is_duplicate and r.received > $done
group by all

-- What raw holds of the contested resources from earlier files. One row per row of raw:
--   resource_type, id, content_sha256, received, line, transaction_time   as in raw
--   is_unversioned           it has neither lastUpdated nor versionId
--   stated_in, replay        as in `incoming`
--   repeat_received, repeat_line, repeat_transaction_time   its latest repeat, NULL without one
create or replace temp table stored_version as
with stored_before as (
    select
        r.resource_type, r.id, r.content_sha256, r.received, r.line, r.transaction_time,
        r.last_updated_text is null and r.version_id is null as is_unversioned,
        coalesce(try_cast((replay_of(r.file)).received as bigint), r.received) as stated_in,
        coalesce(try_cast((replay_of(r.file)).number as bigint), 0) as replay
    from raw_fhir__resource as r
    where r.source = $source and r.received < $first
        and hash(r.resource_type, r.id) in (select key from contested)
),
latest_repeat as (
    select
        received, line,
        max((repeat_received, repeat_line)) as position,
        max(transaction_time) as transaction_time
    from raw_fhir__repeat
    semi join stored_before using (received, line)
    where source = $source
    group by all
)
select
    s.*,
    p.position[1] as repeat_received, p.position[2] as repeat_line,
    p.transaction_time as repeat_transaction_time
from stored_before as s
left join latest_repeat as p using (received, line)

-- Which contested records of this load that have neither lastUpdated nor versionId are duplicates.
-- One row per such record:
--   received, line, resource_type, id   which record
--   is_beside_another   its delivery states the id with several contents
--   is_duplicate        see below
--
-- Nothing in such a record orders it, so the order of the statements decides: by the export's
-- transactionTime, then by position. A statement whose export has no transactionTime counts at the
-- latest one that arrived before it. A record is a duplicate in three cases:
--   1. The statement just before it in that order has the same content. (A, then A.)
--   2. The same content has been stated at a later time already. (An old export arrives late.)
--   3. Its delivery states the id with several contents, and an earlier delivery stated this one.
--      (A feed that gives one id to several things repeats all of them every night.)
-- Any other record is stored, even if its content is in raw already: A, B, A again means A.
create or replace temp table unversioned_statement as
with statement as (
    -- A stored row counts where it was stored and once more at its latest repeat.
    select
        resource_type, id, content_sha256, received, line, (stated_in, replay, line) as position,
        transaction_time, '' as delivery, false as is_new
    from stored_version where is_unversioned
    union all
    select
        resource_type, id, content_sha256, repeat_received, repeat_line,
        (repeat_received, 0, repeat_line), coalesce(repeat_transaction_time, transaction_time),
        '', false
    from stored_version where is_unversioned and repeat_received is not null
    union all
    select
        r.resource_type, r.id, r.content_sha256, r.received, r.line,
        (i.stated_in, i.replay, r.line), i.transaction_time,
        -- One delivery: the files of one day, folder and export.
        concat_ws('|', i.day, regexp_extract(i.file, '^(.*)/', 1), i.transaction_time), true
    from record as r
    join incoming as i using (received)
    where r.reason is null and r.last_updated_text is null and r.version_id is null
        and r.key in (select key from contested)
),
timed_statement as (
    select
        *,
        coalesce(transaction_time, max(transaction_time) over (
            partition by resource_type, id order by position
        )) as stated_at,
        min(content_sha256) over (partition by resource_type, id, delivery)
            <> max(content_sha256) over (partition by resource_type, id, delivery)
            as is_beside_another
    from statement
),
compared_statement as (
    select
        *,
        lag(content_sha256) over (
            partition by resource_type, id order by stated_at nulls first, position
        ) as content_before,
        max(stated_at) over same_content_before as same_content_stated_at,
        -- More statements of this content before it than its own delivery has before it.
        count(*) over same_content_before > count(*) over (
            partition by resource_type, id, content_sha256, delivery order by position
            rows between unbounded preceding and 1 preceding
        ) as is_in_earlier_delivery
    from timed_statement
    window same_content_before as (
        partition by resource_type, id, content_sha256 order by position
        rows between unbounded preceding and 1 preceding
    )
)
select
    received, line, resource_type, id, is_beside_another,
    coalesce(content_before = content_sha256, false)
        or coalesce(same_content_stated_at > stated_at, false)
        or (is_beside_another and is_in_earlier_delivery) as is_duplicate
from compared_statement where is_new

-- Every stored version of every FHIR resource, and which is true; one row per
-- (source, resource_type, id, received, line). The rules in words: docs/how-to/which-version-wins.md.
--
-- Ids of which one content was delivered pass through. Contested ones are ordered:
--
--   deletion -> contested -> selected -> repeat -+-> delivered -> version --+
--                                                |                          +-> statement
--                                                +-> removal -> effective_removal
--   statement -> by transactionTime -> by versionId -> by lastUpdated -> ordered -> ranked
--
-- `position` says where a statement stands among all deliveries: (file, replay of that file or 0, line).
-- `deletion` is what a Bundle asks for; `removal` is a deletion with the instant at which it counts.
with deletion as (
    select
        source, received, line, id as bundle_id, content_sha256,
        regexp_extract(url, '([A-Za-z]+)/[A-Za-z0-9\-.]{1,255}$', 1) as resource_type,
        regexp_extract(url, '([A-Za-z0-9\-.]{1,255})$', 1) as id
    from {fhir__bundle_deletion}
    where regexp_full_match(url, '(https?://[^?#\s]+/|/)?[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,255}')
),
contested as (
    select source, resource_type, id
    from {schema}.raw_fhir__resource
    group by source, resource_type, id
    having count(*) > 1
    union
    select source, resource_type, id from deletion
),
selected as (
    select * from contested
    union
    select source, 'Bundle', bundle_id from deletion
),
-- A content that was delivered again counts at the latest export, and the latest delivery, that holds it.
repeat as (
    select
        source, received, line,
        max(transaction_time) as transaction_time,
        max(row(repeat_received, 0::bigint, repeat_line)) as position,
        bool_or(is_beside_another) as is_beside_another
    from {raw_fhir__repeat}
    semi join (
        select source, received, line from {schema}.raw_fhir__resource
        where (source, resource_type, id) in (select (source, resource_type, id) from selected)
    ) as w using (source, received, line)
    group by source, received, line
),
delivered as (
    select
        r.source, r.resource_type, r.id, r.received, r.line, r.content_sha256, r.is_subsetted,
        r.last_updated_text is null and r.version_id is null as is_unversioned,
        -- timestamps hold microseconds, lastUpdated may state nanoseconds: digits 7 to 9
        epoch_us(instant)::hugeint * 1000 + case
            when length(r.last_updated_text) < 28 then 0
            else coalesce(try_cast(rpad(substr(
                regexp_extract(r.last_updated_text, '\.(\d+)', 1), 7, 3
            ), 3, '0') as integer), 0)
        end as nanos,
        -- a versionId that is no number orders nothing
        try_cast(regexp_extract(r.version_id, '^[vV]?(\d{1,37})$', 1) as hugeint) as version,
        greatest(r.transaction_time, t.transaction_time) as transaction_time,
        case when t.position > r.stored_position then t.position else r.stored_position end as position,
        coalesce(t.is_beside_another, false) as is_beside_another,
        (r.day, regexp_extract(r.file, '^(.*)/', 1), r.transaction_time) as delivery
    from (
        select
            * exclude (resource),
            -- a replay counts where its record was rejected: after the lines of that file; the expression
            -- is that of fhir/raw/sql/replay_of.sql, whose macro a view cannot see
            regexp_extract(
                file, '^[^/]+/[^/]+/replay/(\d{12})-(\d{4,})\.\w+$', ['received', 'number']
            ) as rejected_in,
            row(
                coalesce(try_cast((rejected_in).received as bigint), received),
                coalesce(try_cast((rejected_in).number as bigint), 0),
                line
            ) as stored_position,
            coalesce(last_updated, try_cast(case
                -- `infinity` and the year 290000, which DuckDB reads as well, would win for ever
                when not regexp_matches(last_updated_text, '^[0-9]{4}(-[^(]*)?$') then null
                when length(last_updated_text) = 4 then last_updated_text || '-01-01'
                when length(last_updated_text) = 7 then last_updated_text || '-01'
                else replace(upper(last_updated_text), ':60', ':59')
            end as timestamp with time zone)) as instant
        from {schema}.raw_fhir__resource
        where (source, resource_type, id) in (select (source, resource_type, id) from selected)
    ) as r
    left join repeat as t using (source, received, line)
),
-- An id stands for different things where one delivery holds it, unversioned, with several values
-- of the discriminator.
discriminated as (
    select t.*, d.discriminator
    from delivered as t
    join {fhir_discriminator} as d using (source, resource_type, id, received, line)
    where t.is_unversioned
),
shared_id as (
    select source, resource_type, id from discriminated
    group by source, resource_type, id, delivery having count(distinct discriminator) > 1
    union
    select source, resource_type, id from discriminated
    group by source, resource_type, id
    having bool_or(is_beside_another) and count(distinct discriminator) > 1
),
version as (
    select
        t.*,
        case when s.id is not null then coalesce(d.discriminator, '') end as discriminator
    from delivered as t
    join contested using (source, resource_type, id)
    left join shared_id as s using (source, resource_type, id)
    left join {fhir_discriminator} as d using (source, resource_type, id, received, line)
),
-- A deletion counts at its Bundle's lastUpdated, else at the export's transactionTime.
removal as (
    select
        d.source, d.resource_type, d.id, b.received, b.line, b.nanos as own_nanos,
        coalesce(b.nanos, epoch_us(b.transaction_time)::hugeint * 1000) as nanos,
        b.transaction_time, b.position
    from deletion as d
    join delivered as b
        on b.source = d.source and b.resource_type = 'Bundle' and b.id = d.bundle_id
        and b.received = d.received and b.line = d.line and b.content_sha256 = d.content_sha256
),
-- An export as new as the deletion that still holds the resource contradicts it: the resource stays
-- unless the deletion's own lastUpdated is not older.
contradicted as (
    select distinct d.source, d.resource_type, d.id, d.received, d.line
    from removal as d
    join version as v
        on v.source = d.source and v.resource_type = d.resource_type and v.id = d.id
        and v.transaction_time >= d.transaction_time
        and not coalesce(d.own_nanos >= v.nanos, false)
),
effective_removal as (
    select * from removal
    anti join contradicted using (source, resource_type, id, received, line)
),
-- `stamp` counts half nanoseconds: a deletion comes just after a version of the same instant.
statement as (
    select
        source, resource_type, id, received, line, content_sha256, discriminator, is_subsetted,
        nanos * 2 as stamp, version, transaction_time, position, false as is_removal
    from version
    union all
    select
        source, resource_type, id, received, line, null, null, false,
        nanos * 2 + 1, null, transaction_time, position, true
    from effective_removal
),
-- One total order by stamp, version, transactionTime, position. A statement that lacks one of the first
-- three takes that of the newest statement known before it, where what is known before is decided
-- by what comes next in that list:
--
--   position  transactionTime  version  stamp      by_time  by_version  by_stamp
--   1         09:00            1        08:00      09:00    1           08:00
--   2         -                -        -          09:00    1           08:00     (after the first)
--   3         11:00            2        10:00      11:00    2           10:00
timed as (
    select
        *,
        coalesce(transaction_time, max(transaction_time) over (
            partition by source, resource_type, id order by position
        )) as by_time
    from statement
),
numbered as (
    select
        *,
        coalesce(version, max(version) over (
            partition by source, resource_type, id order by by_time nulls first, position
        )) as by_version
    from timed
),
stamped as (
    select
        *,
        coalesce(stamp, max(stamp) over (
            partition by source, resource_type, id
            order by by_version nulls first, by_time nulls first, position
        )) as by_stamp
    from numbered
),
ordered as (
    select
        *,
        row_number() over (
            partition by source, resource_type, id
            order by
                by_stamp nulls first, by_version nulls first, by_time nulls first, position,
                is_removal, content_sha256
        ) as rank_in_order
    from stamped
),
-- All that comes before the last deletion is deleted.
with_deletions as (
    select
        *,
        coalesce(
            rank_in_order < max(case when is_removal then rank_in_order end) over (
                partition by source, resource_type, id
            ),
            false
        ) as is_deleted
    from ordered
),
-- Rank 1 is true now, unless it is deleted. A SUBSETTED version never replaces a full one.
ranked as (
    select
        *,
        row_number() over (
            partition by source, resource_type, id, discriminator, is_removal
            order by is_deleted, is_subsetted, rank_in_order desc
        ) as version_rank
    from with_deletions
),
-- Pairs of which one decides, and that neither lastUpdated, versionId nor transactionTime orders.
undecided as (
    select distinct v.source, v.resource_type, v.id, v.discriminator
    from ranked as v
    join ranked as o using (source, resource_type, id)
    where not v.is_removal
        and (
            o.is_removal
            or (
                o.version_rank = 1 and not o.is_deleted
                and o.discriminator is not distinct from v.discriminator
                and o.content_sha256 <> v.content_sha256
                and o.is_subsetted = v.is_subsetted
            )
        )
        and not coalesce(o.stamp <> v.stamp, false)
        and not coalesce(o.version <> v.version, false)
        and not coalesce(o.transaction_time <> v.transaction_time, false)
)
select
    r.source, r.resource_type, r.id, null as discriminator, r.version_id, r.last_updated,
    r.transaction_time, r.content_sha256, r.received, r.line, r.file, r.is_subsetted,
    1 as version_rank, true as is_current, false as is_deleted, false as is_decided_by_delivery,
    r.day, r.last_updated_text, r.transaction_time as first_transaction_time, false as is_contested
from {schema}.raw_fhir__resource as r
anti join contested using (source, resource_type, id)
union all
select
    r.source, r.resource_type, r.id, v.discriminator, r.version_id, r.last_updated,
    v.transaction_time, r.content_sha256, r.received, r.line, r.file, r.is_subsetted,
    v.version_rank, v.version_rank = 1 and not v.is_deleted as is_current, v.is_deleted,
    u.id is not null as is_decided_by_delivery,
    r.day, r.last_updated_text, r.transaction_time as first_transaction_time, true as is_contested
from ranked as v
join {schema}.raw_fhir__resource as r using (source, resource_type, id, received, line, content_sha256)
left join undecided as u
    on u.source = v.source and u.resource_type = v.resource_type and u.id = v.id
    and u.discriminator is not distinct from v.discriminator
where not v.is_removal

"""Which records are duplicates of stored ones, and when a stored resource was last told again.

A content is stored once; but when it was last told decides where no stamp of its own orders it:
told as A, B and A again it is A. So each repeat is remembered by its place and its export's
`transactionTime`. Reading the lines is in `records`, the order of versions in `fhir_version`.
"""

from lakeward.lake.query import Connection, register_table
from lakeward.lake.tables import (
    Column,
    Lake,
    Phi,
    TableSpec,
    Transaction,
    ensure_table,
    transaction_version,
    write,
)

REPEAT = TableSpec(
    name="raw_fhir__repeat",
    description="When a stored FHIR resource was told again, word for word",
    grain="At least one row per stored resource told again; the latest counts",
    columns=(
        Column("source", "VARCHAR", Phi.N, "Interface that delivered the resource"),
        Column("received", "BIGINT", Phi.N, "File that holds the stored resource"),
        Column("line", "BIGINT", Phi.N, "Its line in that file"),
        Column("repeat_received", "BIGINT", Phi.N, "File that told it again"),
        Column("repeat_line", "BIGINT", Phi.N, "Line in that file"),
        Column(
            "transaction_time",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "Latest transactionTime of the exports that told it again",
        ),
        Column(
            "is_beside_another",
            "BOOLEAN",
            Phi.N,
            "Told again in one delivery with another content of its id, both without version",
        ),
    ),
)

_COMPACT_AT = 4
"""Rows are merged when a load adds at least one for this many that the table holds."""

_STORED = """
create or replace table stored as
with touched as (
    select r.resource_type, r.id, r.content_sha256, r.received, r.line, r.transaction_time,
        r.last_updated_text is null and r.version_id is null as is_unversioned
    from raw_fhir__resource as r
    where r.source = $source and r.received < $first
        and (r.resource_type, r.id) in (
            select (resource_type, id) from record where reason is null
        )
),
retold as (
    select received, line,
        max((repeat_received, repeat_line)) as place, max(transaction_time) as transaction_time
    from raw_fhir__repeat
    semi join touched using (received, line)
    where source = $source
    group by all
)
select
    t.*, p.place[1] as told_received, p.place[2] as told_line,
    p.transaction_time as told_transaction_time
from touched as t
left join retold as p using (received, line)
"""

# Only records without lastUpdated and versionId need the order of tellings: by transactionTime,
# one that lacks it as the newest told before. A content told just before, or at a later
# transactionTime already, adds nothing; nor does one of several that a delivery tells under one id
# when an earlier delivery told it.
_TELLING = """
create or replace table telling as
with event as (
    select resource_type, id, content_sha256, received, line, transaction_time,
        '' as delivery, false as is_new
    from stored where is_unversioned
    union all
    select resource_type, id, content_sha256, told_received, told_line,
        coalesce(told_transaction_time, transaction_time), '', false
    from stored where is_unversioned and told_received is not null
    union all
    select r.resource_type, r.id, r.content_sha256, r.received, r.line, i.transaction_time,
        concat_ws('|', i.day, regexp_extract(i.file, '^(.*)/', 1), i.transaction_time), true
    from record as r
    join incoming as i using (received)
    where r.reason is null and r.last_updated_text is null and r.version_id is null
),
timed as (
    select *,
        coalesce(transaction_time, max(transaction_time) over (
            partition by resource_type, id order by received, line
        )) as told_at,
        min(content_sha256) over (partition by resource_type, id, delivery)
            <> max(content_sha256) over (partition by resource_type, id, delivery)
            as is_beside_another
    from event
),
compared as (
    select *,
        lag(content_sha256) over (
            partition by resource_type, id order by told_at nulls first, received, line
        ) as told_before,
        max(told_at) over earlier as told_until,
        count(*) over earlier > count(*) over (
            partition by resource_type, id, content_sha256, delivery order by received, line
            rows between unbounded preceding and 1 preceding
        ) as is_told_elsewhere
    from timed
    window earlier as (
        partition by resource_type, id, content_sha256 order by received, line
        rows between unbounded preceding and 1 preceding
    )
)
select received, line, resource_type, id, is_beside_another,
    coalesce(told_before = content_sha256, false) or coalesce(told_until > told_at, false)
        or (is_beside_another and is_told_elsewhere) as is_duplicate
from compared where is_new
"""

_JUDGE = """
create or replace table judged as
select
    r.*,
    r.reason is null and case
        when r.last_updated_text is null and r.version_id is null then t.is_duplicate
        else row_number() over (
            partition by r.reason is null, r.resource_type, r.id, r.content_sha256
            order by r.received, r.line
        ) > 1 or (r.resource_type, r.id, r.content_sha256)
            in (select (resource_type, id, content_sha256) from stored)
    end as is_duplicate
from record as r
left join telling as t using (received, line, resource_type, id)
"""

# The stored resource that a duplicate repeats: the latest before it, in the lake or in this load.
_REPEATS = """
with kept as (
    select resource_type, id, content_sha256, received, line from stored
    union all
    select resource_type, id, content_sha256, received, line from judged
    where reason is null and not is_duplicate
)
select
    $source as source, k.place[1] as received, k.place[2] as line,
    max((j.received, j.line))[1] as repeat_received, max((j.received, j.line))[2] as repeat_line,
    max(i.transaction_time) as transaction_time,
    coalesce(bool_or(t.is_beside_another), false) as is_beside_another
from judged as j
join (
    select resource_type, id, content_sha256, max((received, line)) as place
    from kept group by all
) as k using (resource_type, id, content_sha256)
join incoming as i using (received)
left join telling as t using (received, line, resource_type, id)
where j.is_duplicate and j.received > $done
group by all
"""

_MERGED = """
select source, received, line,
    max((repeat_received, repeat_line))[1] as repeat_received,
    max((repeat_received, repeat_line))[2] as repeat_line,
    max(transaction_time) as transaction_time, bool_or(is_beside_another) as is_beside_another
from (select * from raw_fhir__repeat union all select * from repeats)
group by source, received, line
"""


def judge(connection: Connection, lake: Lake, source: str, first: int) -> None:
    """Find out which records are duplicates; makes `judged` from `record` and `incoming`.

    Args:
        connection: Has `record`, `incoming` and `raw_fhir__resource`.
        lake: Where repeats are kept.
        source: The interface.
        first: Number of the first file of this load.
    """
    ensure_table(lake, REPEAT)
    register_table(connection, lake, REPEAT.name, None)
    connection.execute(_STORED, {"source": source, "first": first})
    connection.execute(_TELLING)
    connection.execute(_JUDGE)


def remember(connection: Connection, lake: Lake, source: str, last: int) -> None:
    """Remember, once, which stored resources `judged` tells again; `last` is its last file."""
    done = transaction_version(lake, REPEAT.name, source) or 0
    query = f"create or replace table repeats as {_REPEATS}"
    connection.execute(query, {"source": source, "done": done})
    new, held = (
        connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        for table in ("repeats", REPEAT.name)
    )
    if not new:
        return
    merge = new * _COMPACT_AT >= held
    rows = connection.sql(_MERGED if merge else "from repeats").to_arrow_table()
    write(
        lake,
        REPEAT,
        rows,
        mode="overwrite" if merge else "append",
        transaction=Transaction(source, last),
    )

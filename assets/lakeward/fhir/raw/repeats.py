"""Which records are duplicates of stored ones, and when a stored resource was last told again.

A content is stored once; but when it was last told decides where no stamp of its own orders it:
told as A, B and A again it is A. So each repeat is remembered by its place and its export's
`transactionTime`. Reading the lines is in `records`, the order of versions in `fhir_version`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.origin import SOURCE
from lakeward.lake.query import Connection, register_table
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, ensure_table
from lakeward.landing.ledger import LedgerFile

REPEAT = TableSpec(
    name="raw_fhir__repeat",
    description="When a stored FHIR resource was told again, word for word",
    grain="At least one row per stored resource told again; the latest counts",
    columns=(
        SOURCE,
        Column("received", "BIGINT", Phi.N, "File that holds the stored resource"),
        Column("line", "BIGINT", Phi.N, "Its line in that file"),
        Column(
            "repeat_received",
            "BIGINT",
            Phi.N,
            "File that told it again; for a replay the file that it came from",
        ),
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

_ORIGIN = r"""
regexp_extract(
    file, '^[^/]+/[^/]+/replay/(\d{12})-(\d{4,})\.\w+$', ['received', 'number']
) as origin,
coalesce(try_cast((origin).received as bigint), received) as told_in,
coalesce(try_cast((origin).number as bigint), 0) as replay"""
"""A replayed record was told in the file that it was rejected from, after that file's own lines;
`replay` says in which replay of it. See `core.paths.replay_file`."""

_AGAIN = """
create or replace temp table again as
select key from record where reason is null group by key having count(*) > 1
union
select hash(resource_type, id) as key
from raw_fhir__resource
where source = $source and received < $first
    and hash(resource_type, id) in (select key from record where reason is null)
"""
"""Resources, by the hash of their name, of which this load holds not the only version."""

_STORED = f"""
create or replace temp table stored as
with touched as (
    select r.resource_type, r.id, r.content_sha256, r.received, r.line, r.transaction_time,
        r.last_updated_text is null and r.version_id is null as is_unversioned, {_ORIGIN}
    from raw_fhir__resource as r
    where r.source = $source and r.received < $first
        and hash(r.resource_type, r.id) in (select key from again)
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
create or replace temp table telling as
with event as (
    select resource_type, id, content_sha256, received, line, (told_in, replay, line) as place,
        transaction_time, '' as delivery, false as is_new
    from stored where is_unversioned
    union all
    select resource_type, id, content_sha256, told_received, told_line,
        (told_received, 0, told_line), coalesce(told_transaction_time, transaction_time), '', false
    from stored where is_unversioned and told_received is not null
    union all
    select r.resource_type, r.id, r.content_sha256, r.received, r.line,
        (i.told_in, i.replay, r.line), i.transaction_time,
        concat_ws('|', i.day, regexp_extract(i.file, '^(.*)/', 1), i.transaction_time), true
    from record as r
    join incoming as i using (received)
    where r.reason is null and r.last_updated_text is null and r.version_id is null
        and r.key in (select key from again)
),
timed as (
    select *,
        coalesce(transaction_time, max(transaction_time) over (
            partition by resource_type, id order by place
        )) as told_at,
        min(content_sha256) over (partition by resource_type, id, delivery)
            <> max(content_sha256) over (partition by resource_type, id, delivery)
            as is_beside_another
    from event
),
compared as (
    select *,
        lag(content_sha256) over (
            partition by resource_type, id order by told_at nulls first, place
        ) as told_before,
        max(told_at) over earlier as told_until,
        count(*) over earlier > count(*) over (
            partition by resource_type, id, content_sha256, delivery order by place
            rows between unbounded preceding and 1 preceding
        ) as is_told_elsewhere
    from timed
    window earlier as (
        partition by resource_type, id, content_sha256 order by place
        rows between unbounded preceding and 1 preceding
    )
)
select received, line, resource_type, id, is_beside_another,
    coalesce(told_before = content_sha256, false) or coalesce(told_until > told_at, false)
        or (is_beside_another and is_told_elsewhere) as is_duplicate
from compared where is_new
"""

_JUDGE = """
create or replace temp table judged as
select
    r.*,
    case
        when r.last_updated_text is null and r.version_id is null then t.is_duplicate
        else row_number() over (
            partition by r.resource_type, r.id, r.content_sha256 order by r.received, r.line
        ) > 1 or (r.resource_type, r.id, r.content_sha256)
            in (select (resource_type, id, content_sha256) from stored)
    end as is_duplicate
from record as r
left join telling as t using (received, line, resource_type, id)
where r.reason is null and r.key in (select key from again)
"""

# The stored resource that a duplicate repeats: the latest before it, in the lake or in this load.
_REPEATS = """
with kept as (
    select resource_type, id, content_sha256, received, line from stored
    union all
    select resource_type, id, content_sha256, received, line from judged
    where not is_duplicate
)
select
    $source as source, k.place[1] as received, k.place[2] as line,
    max((i.told_in, j.line))[1] as repeat_received, max((i.told_in, j.line))[2] as repeat_line,
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


_COLUMNS = [
    "received",
    "line",
    "content_sha256",
    "resource_type",
    "id",
    "version_id",
    "last_updated_text",
    "reason",
    "key",
]

_INCOMING = pa.schema(
    [
        ("received", pa.int64()),
        ("day", pa.date32()),
        ("file", pa.string()),
        ("transaction_time", pa.timestamp("us", "UTC")),
    ]
)


def find_duplicates(
    connection: Connection, lake: Lake, records: pa.Table, files: Sequence[LedgerFile]
) -> npt.NDArray[np.bool_]:
    """Tell for each record whether it is a duplicate; leaves what `new_repeats` needs.

    Args:
        connection: Shows `raw_fhir__resource`.
        lake: Where repeats are kept.
        records: Envelopes in the order of arrival.
        files: The files of one source that they stand in; what is stored of later ones does not
            count.
    """
    ensure_table(lake, REPEAT)
    register_table(connection, lake, REPEAT.name, None)
    incoming = pa.Table.from_pylist([vars(file) for file in files], schema=_INCOMING)
    numbered = records.select(_COLUMNS).append_column("number", pa.array(np.arange(len(records))))
    connection.register("record", numbered)
    connection.register("incoming_file", incoming)
    connection.execute(
        f"create or replace temp table incoming as select *, {_ORIGIN} from incoming_file"
    )
    place = {"source": files[0].source, "first": files[0].received}
    connection.execute(_AGAIN, place)
    connection.execute(_STORED, place)
    connection.execute(_TELLING)
    connection.execute(_JUDGE)
    found = connection.sql("select number from judged where is_duplicate").to_arrow_table()
    connection.unregister("record")
    duplicate = np.zeros(len(records), np.bool_)
    duplicate[found.column("number").to_numpy()] = True
    return duplicate


def new_repeats(
    connection: Connection, source: str, done: int
) -> tuple[pa.Table, Literal["append", "overwrite"]]:
    """Return which stored resources the duplicates repeat, and whether it is the whole table.

    Columns are those of `REPEAT`, at least one row per stored resource that is repeated.

    Args:
        connection: As `find_duplicates` left it.
        source: Whose files.
        done: The last file whose repeats are remembered already.
    """
    query = f"create or replace temp table repeats as {_REPEATS}"
    connection.execute(query, {"source": source, "done": done})
    new, held = (
        connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        for table in ("repeats", REPEAT.name)
    )
    merge = new > 0 and new * _COMPACT_AT >= held
    rows = connection.sql(_MERGED if merge else "from repeats").to_arrow_table()
    return rows.cast(arrow_schema(REPEAT)), "overwrite" if merge else "append"

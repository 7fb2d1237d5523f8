"""The pieces of work that `bench_fhir.py` times, each a process: `fhir_work.py WORK DATA OUT`."""

import hashlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

SOURCE, DAY = "ehr_fhir", date(2026, 1, 5)
BATCH = 20_000


def floor(data: Path, out: Path) -> None:
    """Read the bare lines with DuckDB and copy them to Parquet."""
    import duckdb

    duckdb.execute(
        f"copy (select json from read_ndjson_objects('{data}/*.ndjson',"
        f" maximum_object_size = 67108864)) to '{out}/lines.parquet' (format parquet)"
    )


def raw(data: Path, out: Path) -> None:
    """Land and load, as a night does: ledger, raw table, quarantine."""
    from lakeward.core.paths import Home
    from lakeward.fhir.format import FHIR
    from lakeward.lake.tables import Lake
    from lakeward.landing.deliveries import deliveries
    from lakeward.landing.ledger import register
    from lakeward.landing.loading import load_pending
    from lakeward.landing.sources import load_inventory

    home = Home(out)
    folder = home.landing / SOURCE / DAY.isoformat()
    if not folder.exists():
        folder.mkdir(parents=True)
        for file in data.glob("*.ndjson"):
            (folder / file.name).hardlink_to(file)
        (folder / "_COMPLETE").touch()
    lake = Lake(home.lake)
    register(lake, home.landing, deliveries(home.landing, SOURCE, DAY))
    load_pending(lake, home, load_inventory(home).source(SOURCE), FHIR)


def raw_and_flat(data: Path, out: Path) -> None:
    """Land, load and flatten with all packaged views; on what is landed already, a re-run."""
    from lakeward.fhir.flat.view_rows import flatten_views
    from lakeward.lake.tables import Lake

    raw(data, out)
    flatten_views(Lake(out / "lake"))


def loop(data: Path, out: Path) -> None:
    """Do the same raw and flat work in a loop: orjson, pyarrow and write_deltalake."""
    from lakeward.fhir.raw.load import RAW
    from lakeward.fhir.view_tables import packaged_views, table_of
    from lakeward.lake.tables import arrow_schema

    names = {path.name.split(".", 1)[0] for path in data.iterdir()}
    views = {v: _rows_of(v) for v in packaged_views() if v.resource in names}
    schema = arrow_schema(RAW)
    seen: set[bytes] = set()
    for received, path in enumerate(sorted(data.glob("*.ndjson")), start=1):
        for lines in _batches(path):
            rows, flat = [], {view: [] for view in views}
            for row, resource in _new_rows(lines, received, path.name, seen):
                rows.append(tuple(row.get(name) for name in schema.names))
                for view, rows_of in views.items():
                    if view.resource == row["resource_type"]:
                        head = tuple(row[name] for name in _HEAD)
                        flat[view] += [head + cells for cells in rows_of(resource)]
            _store(out / RAW.name, rows, schema, ["resource_type"])
            for view, cells in flat.items():
                _store(out / f"fhir__{view.name}", cells, arrow_schema(table_of(view)))


_HEAD = (
    "source", "received", "file", "line", "day", "id", "version_id", "last_updated",
    "content_sha256",
)  # fmt: skip


def _new_rows(
    lines: list[tuple[int, int, bytes]], received: int, name: str, seen: set[bytes]
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield the raw row and the parsed resource of each line that says something new."""
    import orjson

    for number, offset, line in lines:
        try:
            resource = orjson.loads(line)
            kind, id_ = resource["resourceType"], resource["id"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # a loop in earnest would keep it
        digest = hashlib.sha256(line)
        if digest.digest() in seen:
            continue
        seen.add(digest.digest())
        meta = resource.get("meta", {})
        stamp = meta.get("lastUpdated")
        yield (
            {
                "source": SOURCE,
                "received": received,
                "day": DAY,
                "file": name,
                "line": number,
                "byte_offset": offset,
                "resource_type": kind,
                "id": id_,
                "version_id": meta.get("versionId"),
                "last_updated_text": stamp,
                "last_updated": datetime.fromisoformat(stamp) if stamp else None,
                "content_sha256": digest.hexdigest(),
                "is_subsetted": any(t.get("code") == "SUBSETTED" for t in meta.get("tag", ())),
                "resource": line.decode(),
            },
            resource,
        )


def _store(table: Path, rows: list[tuple[Any, ...]], schema: Any, parts: Any = None) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    if rows:
        cells = zip(zip(*rows, strict=True), schema, strict=True)
        columns = [pa.array(values, field.type) for values, field in cells]
        batch = pa.Table.from_arrays(columns, schema=schema)
        write_deltalake(table, batch, mode="append", partition_by=parts)


def _batches(path: Path) -> Iterator[list[tuple[int, int, bytes]]]:
    batch, offset = [], 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if text := line.strip():
                batch.append((number, offset, text))
            offset += len(line)
            if len(batch) == BATCH:
                yield batch
                batch = []
    yield batch


def _rows_of(view: Any) -> Callable[[Any], list[tuple[Any, ...]]]:
    """Compile a view to a function from a resource to its rows."""
    from walker import as_type, compile_path

    from lakeward.sqlonfhir.view import TYPED

    keep = [compile_path(where.path) for where in view.where]
    body = _compiled(view.select, compile_path, as_type, TYPED)

    def rows(resource: Any) -> list[tuple[Any, ...]]:
        if any(condition([resource], 0) != [True] for condition in keep):
            return []
        return body(resource, 0)

    return rows


def _compiled(selects: Any, compile_path: Any, as_type: Any, typed: Any) -> Any:
    """Compile selects: the rows of each, crossed."""
    if any(s.union_all or s.repeat for s in selects):
        raise SystemExit("the loop knows no unionAll and no repeat; teach it")
    blocks = []
    for s in selects:
        path = s.for_each or s.for_each_or_null
        columns = [
            (compile_path(c.path), typed.get(c.type or "string", "VARCHAR"), c.collection)
            for c in s.column
        ]
        inner = _compiled(s.select, compile_path, as_type, typed)
        blocks.append((path and compile_path(path), bool(s.for_each_or_null), columns, inner))

    def rows(focus: Any, index: int) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = [()]
        for step, or_null, columns, inner in blocks:
            items = step([focus], index) if step else [focus]
            items = items or ([None] if or_null else [])
            made = []
            for n, item in enumerate(items):
                at = n if step else index
                cells = tuple(_cell(p([item], at), kind, m, as_type) for p, kind, m in columns)
                made += [cells + more for more in inner(item, at)]
            found = [left + right for left in found for right in made]
        return found

    return rows


def _cell(values: list[Any], kind: str, many: bool, as_type: Callable[..., Any]) -> Any:  # noqa: FBT001
    if many:
        return [as_type(value, kind) for value in values]
    return as_type(values[0], kind) if values else None


def validate(data: Path, out: Path) -> None:
    """Validate each line with fhir.resources."""
    import json

    from fhir.resources.R4B import get_fhir_model_class

    count = 0
    for path in sorted(data.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            resource = json.loads(line)
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            count += 1
    (out / "validated").write_text(str(count))


def generate(template: Path, out: Path, megabytes: int) -> None:
    """Write about so many megabytes: what the simulator wrote, again and again with fresh ids."""
    files = sorted(template.glob("*.ndjson"))
    copies = max(1, round(megabytes * 1e6 / sum(file.stat().st_size for file in files)))
    names = re.compile(rb'("id":"[^"]+)"|("reference":"[A-Z][A-Za-z]+/[^"]+)"')
    out.mkdir(parents=True)
    for file in files:
        text = names.sub(lambda found: (found[1] or found[2]) + b'\0"', file.read_bytes())
        with (out / file.name).open("wb") as stream:
            for copy in range(copies):
                stream.write(text.replace(b"\0", b"-%d" % copy))


def clear(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


if __name__ == "__main__":
    work, data, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if work == "generate":
        generate(data, out, int(sys.argv[4]))
    else:
        {w.__name__: w for w in (floor, raw, raw_and_flat, loop, validate)}[work](data, out)

"""What the manifests of bulk exports promise: their files, and the types that were asked for.

Kept apart from the ledger, which has only files that arrived; `load_completeness` compares the two.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.origin import DAY, SOURCE
from lakeward.lake.query import connect
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, ensure_table, write
from lakeward.landing.deliveries import MANIFEST, Delivery, hash_file
from lakeward.landing.manifest import Manifest

EXPORT_FILE = TableSpec(
    name="export_file",
    description="Files that manifests of bulk exports promise, and types asked for without a file",
    grain="One row per promised file, or type without one, of a manifest; the last revision counts",
    columns=(
        SOURCE,
        DAY,
        Column("manifest", "VARCHAR", Phi.LK, "Path of the manifest below landing"),
        Column("manifest_sha256", "VARCHAR", Phi.LK, "SHA-256 of the manifest as delivered"),
        Column("revision", "BIGINT", Phi.N, "Counts contents of the manifest, from 1"),
        Column(
            "transaction_time",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "transactionTime: the export holds all changes up to here",
        ),
        Column("export_group", "VARCHAR", Phi.N, "What was exported: Group/<id>, Patient, system"),
        Column("kind", "VARCHAR", Phi.N, "output, deleted or outcome"),
        Column("resource_type", "VARCHAR", Phi.N, "Type that the file promises, if any"),
        Column("file", "VARCHAR", Phi.LK, "Path below landing; none for a type without a file"),
        Column("promised", "BIGINT", Phi.N, "Resources that it promises, if any"),
    ),
)


def register_promises(lake: Lake, landing: Path, arrived: Sequence[Delivery]) -> int:
    """Enter what manifests promise that are not entered yet; return how many were new.

    A manifest delivered again with other content is a new revision: the last one counts.
    """
    ensure_table(lake, EXPORT_FILE)
    with connect(lake, tables=[EXPORT_FILE.name]) as connection:
        # by content: the same path may come again with another manifest
        query = "select distinct source, manifest, manifest_sha256 from export_file"
        entered: dict[tuple[str, str], set[str]] = {}
        for source, manifest, digest in connection.execute(query).fetchall():
            entered.setdefault((source, manifest), set()).add(digest)
    rows: list[dict[str, object]] = []
    added = 0
    for delivery in arrived:
        for folder, manifest in delivery.manifests.items():
            path = folder / MANIFEST
            name = path.relative_to(landing).as_posix()
            digest = hash_file(path)
            digests = entered.setdefault((delivery.source, name), set())
            if digest in digests:
                continue
            digests.add(digest)
            added += 1
            shared = {
                "source": delivery.source,
                "day": delivery.day,
                "manifest": name,
                "manifest_sha256": digest,
                "revision": len(digests),
                "transaction_time": manifest.transaction_time,
                "export_group": manifest.group,
            }
            rows += [{**shared, **row} for row in _promises(manifest, Path(name).parent)]
    if rows:
        table = pa.Table.from_pylist(rows, schema=arrow_schema(EXPORT_FILE))
        write(lake, EXPORT_FILE, table, mode="append")
    return added


def _promises(manifest: Manifest, folder: Path) -> Iterator[dict[str, object]]:
    for file in manifest.files:
        yield {
            "kind": file.kind,
            "resource_type": file.type if file.kind == "output" else None,
            "file": (folder / file.name).as_posix(),
            "promised": file.count,
        }
    # an empty type has no file: its row distinguishes `no referrals` from `referrals not loaded`
    for type_ in _without_file(manifest):
        yield {"kind": "output", "resource_type": type_, "file": None, "promised": 0}


def _without_file(manifest: Manifest) -> Iterable[str]:
    """Return the types asked for that have no file; none where a file may hold any type."""
    outputs = [file for file in manifest.files if file.kind == "output"]
    if any(file.type is None for file in outputs):
        return ()
    return [t for t in manifest.asked_types if t not in {file.type for file in outputs}]

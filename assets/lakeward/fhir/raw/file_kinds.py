"""What each file is: lines of FHIR, one document, or no FHIR at all; and of which type.

Exports bring a log, a licence or a manifest beside the data: such a file has no resourceType on any
line and is ignored. A file of nothing but broken JSON may have been data, so its lines stay and go
to quarantine.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.fhir.raw.bundles import bundle_spans
from lakeward.fhir.raw.checked_records import check_records
from lakeward.fhir.raw.lines import FilePart, read_document
from lakeward.fhir.raw.record_blocks import Block
from lakeward.fhir.raw.shapes import Walks
from lakeward.lake.query import Connection
from lakeward.landing.ledger import LedgerFile
from lakeward.sqlonfhir.schema import is_resource

TYPE_OF_KIND = {"deleted": "Bundle", "outcome": "OperationOutcome"}
"""The type of the resources in a file, by the list of the manifest that names the file.

Source: Bulk Data Access IG, the fields `deleted` and `error` of the export's manifest.
"""


@dataclass(frozen=True)
class Examined:
    """All files of a load.

    Attributes:
        records: The checked records, in the order of files and records; columns as in
            `checked_records.CheckedRecords.table`.
        parts: The files that hold records, in order.
        ignored: `received` of the files that are no FHIR.
        blocks: The records themselves, in the same order; None when they must be read again.
    """

    records: pa.Table
    parts: tuple[FilePart, ...]
    ignored: frozenset[int]
    blocks: tuple[Block, ...] | None = None


@dataclass
class _Look:
    """What the lines of one file look like.

    Attributes:
        signs: The signs of its lines, by an example of each:
            typed   {"resourceType": "Patient", …}    FHIR
            strong  {"resourceType": "Patient", "id   broken, and was FHIR
            weak    {"id": "a", "na                   broken, and may have been FHIR
            plain   {"level": "info"}  or  5          JSON of another kind
            none    2026-01-05 export started         no JSON
        types: How many lines are resources of each type.
    """

    signs: set[str] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)

    @property
    def may_be_document(self) -> bool:
        # a document spread over lines is broken JSON line by line, and no line of it is a resource
        return "typed" not in self.signs and bool({"weak", "strong"} & self.signs)

    @property
    def is_one_bundle(self) -> bool:
        # a Bundle on one line is valid NDJSON as well: whether it is cut
        # up depends on the file's name
        return self.signs == {"typed"} and self.types == {"Bundle": 1}

    @property
    def is_foreign(self) -> bool:
        # a broken line among other JSON is a broken log, not broken FHIR
        unlikely = "weak" not in self.signs or "plain" in self.signs
        return bool(self.signs) and not {"typed", "strong"} & self.signs and unlikely


def examine_files(
    connection: Connection,
    landing: Path,
    files: Sequence[LedgerFile],
    walks: Mapping[str, Walks],
) -> Examined:
    """Check all records of files, and find out what each file is.

    Args:
        connection: A scratch connection.
        landing: Folder that `LedgerFile.file` is relative to.
        files: The files, in order of arrival.
        walks: The names in the views' expressions, by resource type, see `shapes.Walks`.
    """
    parts = [FilePart(file.received, landing / file.file) for file in files]
    lines = check_records(connection, parts, walks)
    records = lines.table
    looks = _look_at(records, parts)
    documents = {
        part.received: document
        for file, part in zip(files, parts, strict=True)
        if looks[part.received].may_be_document
        or (looks[part.received].is_one_bundle and not _is_ndjson(file))
        if (document := _read_as_document(connection, part)) is not None
    }
    if documents:
        # their lines were checked as records and are none: what is inside takes their place
        inside = check_records(connection, list(documents.values()), walks).table
        looks |= _look_at(inside, list(documents.values()))
        records = pa.concat_tables([_without(records, documents), inside])
        records = records.unify_dictionaries()
        records = records.sort_by([("received", "ascending"), ("line", "ascending")])
    ignored = frozenset(received for received, look in looks.items() if look.is_foreign)
    records = _without(records, ignored)
    records = _of_wrong_type(records, _expected(files, looks, documents))
    kept = tuple(documents.get(p.received, p) for p in parts if p.received not in ignored)
    # the blocks hold lines, so they fit the records only when all files are lines and all are kept
    same = not documents and not ignored
    return Examined(records, kept, ignored, lines.blocks if same else None)


def _look_at(records: pa.Table, parts: Sequence[FilePart]) -> dict[int, _Look]:
    looks = {part.received: _Look() for part in parts}
    columns = ["received", "sign", "resource_type"]
    groups = records.select(columns).group_by(columns).aggregate([([], "count_all")])
    for row in groups.to_pylist():
        look = looks[row["received"]]
        look.signs.add(row["sign"])
        if row["resource_type"] is not None:
            look.types[row["resource_type"]] += row["count_all"]
    return looks


def _is_ndjson(file: LedgerFile) -> bool:
    """Return whether the name or the manifest of a file says that each line is a record."""
    return file.kind is not None or ".ndjson" in Path(file.file).name.lower()


def _read_as_document(connection: Connection, part: FilePart) -> FilePart | None:
    """Return a file of bounded size that is one JSON value, with its records; None for others."""
    content = read_document(part.path)
    try:
        text = content.decode("utf-8") if content is not None else ""
    except UnicodeDecodeError:
        return None
    if content is None or not connection.execute("select json_valid(?)", [text]).fetchall()[0][0]:
        return None
    try:
        spans = bundle_spans(content)
    except (ValueError, RecursionError):  # JSON by DuckDB's measure only: one record, rejected
        spans = []
    if spans:
        return FilePart(part.received, part.path, tuple(spans), "entry")
    return FilePart(part.received, part.path, ((1, 0, len(content)),))


def _without(records: pa.Table, received: Collection[int]) -> pa.Table:
    if not received:
        return records
    numbers = pa.array(sorted(received), pa.int64())
    return records.filter(pc.invert(pc.is_in(records.column("received"), numbers)))


def _expected(
    files: Sequence[LedgerFile], looks: Mapping[int, _Look], documents: Collection[int]
) -> dict[int, str]:
    """Return the type that each file should hold, by `received`, where it holds another one too.

    The manifest decides. Without one a name such as `Patient.000.ndjson` does, if more than half of
    the file is of that type: a file `List.ndjson` may be a list of anything.
    """
    expected = {}
    for file in files:
        types = looks[file.received].types
        if file.received in documents or not types:
            continue
        named = Path(file.file).name.split(".", 1)[0]
        if file.kind is not None:
            expected_type = TYPE_OF_KIND.get(file.kind, file.promised_type)
        else:
            is_meant = 2 * types[named] > types.total() and is_resource(named)
            expected_type = named if is_meant else None
        if expected_type and set(types) != {expected_type}:
            expected[file.received] = expected_type
    return expected


def _of_wrong_type(records: pa.Table, expected: Mapping[int, str]) -> pa.Table:
    """Enter the reason of resources that stand in a file of another type."""
    if not expected:
        return records
    received = records.column("received").to_numpy()
    types = records.column("resource_type").to_pylist()
    expected_types = [expected.get(number) for number in received.tolist()]
    pairs = zip(types, expected_types, strict=True)
    wrong = np.array([None not in pair and len(set(pair)) > 1 for pair in pairs], bool)
    reasons = records.column("reason").cast(pa.string()).combine_chunks()
    wrong &= reasons.is_null().to_numpy(zero_copy_only=False)
    entered = pc.if_else(pa.array(wrong), "wrong_resource_type", reasons).dictionary_encode()
    return records.set_column(records.schema.get_field_index("reason"), "reason", entered)

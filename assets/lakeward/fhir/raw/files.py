"""What each file is: lines of FHIR, one document, or no FHIR at all; and of which type.

A log, licence or manifest beside the data has no resourceType on any line and is ignored. A file of
nothing but broken JSON may have been data, so its lines stay and go to quarantine.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.fhir.raw.bundles import bundle_places
from lakeward.fhir.raw.lines import Block, Part, read_document
from lakeward.fhir.raw.records import examine
from lakeward.fhir.raw.shapes import Walks
from lakeward.lake.query import Connection
from lakeward.landing.ledger import LedgerFile
from lakeward.sqlonfhir.schema import is_resource

TYPE_OF_KIND = {"deleted": "Bundle", "outcome": "OperationOutcome"}
"""What a manifest says of a file's type by where it lists the file."""


@dataclass(frozen=True)
class Examined:
    """All files of a load.

    Attributes:
        records: Envelopes of the records, in the order of files and records.
        parts: The files that hold records, in order.
        ignored: Numbers of the files that are no FHIR.
        blocks: The records themselves, in the same order; None when they must be read again.
    """

    records: pa.Table
    parts: tuple[Part, ...]
    ignored: frozenset[int]
    blocks: tuple[Block, ...] | None = None


@dataclass
class _Seen:
    """What the lines of one file look like.

    `typed` is FHIR, `strong` and `weak` may have been FHIR before they broke, `plain` is JSON of
    another kind, `none` is text.
    """

    signs: set[str] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)

    @property
    def may_be_document(self) -> bool:
        return "typed" not in self.signs and bool({"weak", "strong"} & self.signs)

    @property
    def is_one_bundle(self) -> bool:
        return self.signs == {"typed"} and self.types == {"Bundle": 1}

    @property
    def is_foreign(self) -> bool:
        unlikely = "weak" not in self.signs or "plain" in self.signs
        return bool(self.signs) and not {"typed", "strong"} & self.signs and unlikely


def examine_files(
    connection: Connection,
    landing: Path,
    files: Sequence[LedgerFile],
    walks: Mapping[str, Walks],
) -> Examined:
    """Examine all records of files, and find out what each file is.

    Args:
        connection: A scratch connection.
        landing: Folder that `LedgerFile.file` is relative to.
        files: The files, in order of arrival.
        walks: What views walk, by resource type.
    """
    parts = [Part(file.received, landing / file.file) for file in files]
    whole = examine(connection, parts, walks)
    records, held = whole.envelopes, whole.blocks
    seen = _look(records, parts)
    documents = {
        part.received: document
        for file, part in zip(files, parts, strict=True)
        if seen[part.received].may_be_document
        or (seen[part.received].is_one_bundle and not _is_ndjson(file))
        if (document := _document(connection, part)) is not None
    }
    if documents:
        inside = examine(connection, list(documents.values()), walks).envelopes
        seen |= _look(inside, list(documents.values()))
        records = pa.concat_tables([_without(records, documents), inside])
        records = records.unify_dictionaries()
        records = records.sort_by([("received", "ascending"), ("line", "ascending")])
    ignored = frozenset(received for received, found in seen.items() if found.is_foreign)
    records = _without(records, ignored)
    records = _of_wrong_type(records, _expected(files, seen, documents))
    kept = tuple(documents.get(p.received, p) for p in parts if p.received not in ignored)
    same = not documents and not ignored
    return Examined(records, kept, ignored, held if same else None)


def _look(records: pa.Table, parts: Sequence[Part]) -> dict[int, _Seen]:
    seen = {part.received: _Seen() for part in parts}
    columns = ["received", "sign", "resource_type"]
    groups = records.select(columns).group_by(columns).aggregate([([], "count_all")])
    for row in groups.to_pylist():
        found = seen[row["received"]]
        found.signs.add(row["sign"])
        if row["resource_type"] is not None:
            found.types[row["resource_type"]] += row["count_all"]
    return seen


def _is_ndjson(file: LedgerFile) -> bool:
    """Whether a file says by its name or its manifest that each line is a record."""
    return file.kind is not None or ".ndjson" in Path(file.file).name.lower()


def _document(connection: Connection, part: Part) -> Part | None:
    """Give the records of a file of bounded size that is one JSON value; None when it is not."""
    content = read_document(part.path)
    try:
        text = content.decode("utf-8") if content is not None else ""
    except UnicodeDecodeError:
        return None
    if content is None or not connection.execute("select json_valid(?)", [text]).fetchall()[0][0]:
        return None
    try:
        places = bundle_places(content)
    except (ValueError, RecursionError):  # JSON by DuckDB's measure only: one record, rejected
        places = []
    if places:
        return Part(part.received, part.path, tuple(places), "entry")
    return Part(part.received, part.path, ((1, 0, len(content)),))


def _without(records: pa.Table, received: Collection[int]) -> pa.Table:
    if not received:
        return records
    numbers = pa.array(sorted(received), pa.int64())
    return records.filter(pc.invert(pc.is_in(records.column("received"), numbers)))


def _expected(
    files: Sequence[LedgerFile], seen: Mapping[int, _Seen], documents: Collection[int]
) -> dict[int, str]:
    """Give the type that each file should hold, where it holds another one too.

    The manifest's word binds. Without it a name such as `Patient.000.ndjson` does, if more than
    half of the file is of that type: else the name was not meant so.
    """
    expected = {}
    for file in files:
        types = seen[file.received].types
        if file.received in documents or not types:
            continue
        named = Path(file.file).name.split(".", 1)[0]
        if file.kind is not None:
            wanted = TYPE_OF_KIND.get(file.kind, file.promised_type)
        else:
            is_meant = 2 * types[named] > types.total() and is_resource(named)
            wanted = named if is_meant else None
        if wanted and set(types) != {wanted}:
            expected[file.received] = wanted
    return expected


def _of_wrong_type(records: pa.Table, expected: Mapping[int, str]) -> pa.Table:
    """Enter the reason of resources that stand in a file of another type."""
    if not expected:
        return records
    received = records.column("received").to_numpy()
    types = records.column("resource_type").to_pylist()
    wanted = [expected.get(number) for number in received.tolist()]
    pairs = zip(types, wanted, strict=True)
    wrong = np.array([None not in pair and len(set(pair)) > 1 for pair in pairs], bool)
    reasons = records.column("reason").cast(pa.string()).combine_chunks()
    wrong &= reasons.is_null().to_numpy(zero_copy_only=False)
    entered = pc.if_else(pa.array(wrong), "wrong_resource_type", reasons).dictionary_encode()
    return records.set_column(records.schema.get_field_index("reason"), "reason", entered)

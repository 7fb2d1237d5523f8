"""Judges and decodes the records of a file: which are stored, which are set aside and why.

Works on the envelope only (MSH, framing, counts, character set). What the segments say is `parse`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.batch import MSH, REASONS, Block, Layout, blocks
from lakeward.hl7v2.charsets import Charset, choose, declared_name, decode, is_plain
from lakeward.hl7v2.normalise import normalise
from lakeward.hl7v2.parse import Messages, parse
from lakeward.hl7v2.segments import SegmentSpec, segment_specs
from lakeward.landing.sources import Source

DETAILS = {
    "not_hl7v2": "no MSH segment in the file; content is cut at 1 MiB",
    "truncated_gzip": "the gzip stream ends early or is damaged; content is cut at 1 MiB",
    "no_msh": "text that belongs to no message",
    "count_mismatch": "the trailer of its batch or file promises another count",
    "truncated": "its batch or file has no trailer and ends in the middle of a segment",
    "control_id_reuse": "an accepted batch of the sender has its control id and other content",
    "undecodable": "bytes that do not fit the character set",
    "bad_separators": "MSH-1 and MSH-2 name no usable separators",
    "missing_msh9": "MSH-9 names no message type",
    "sender_not_accepted": "MSH-3 and MSH-4 are not among the accepted senders of the interface",
    "receiver_not_accepted": "MSH-5 and MSH-6 are not among the interface's accepted receivers",
    "non_production": "MSH-11 says training or debugging, which the interface does not accept",
    "processing_id_not_accepted": "MSH-11 is not among the accepted processing ids",
}
"""Reason codes for which a record is set aside, and what each means."""


@dataclass(frozen=True)
class Judged:
    """Some consecutive records of a file.

    Attributes:
        first: Index of the first in its file, from 0.
        records: Bytes as delivered.
        reasons: For each record why it is set aside; None for a message to be stored.
        kept: Indices (within this) of the messages to be stored; the columns below are theirs.
        hashes: SHA-256 of each message after `normalise`.
        bodies: Text of each message, CR after each segment.
        charsets: Character set of each message.
        headers: MSH columns of each message, see specs/MSH.yaml.
    """

    first: int
    records: list[bytes]
    reasons: list[str | None]
    kept: NDArray[np.int64]
    hashes: list[bytes]
    bodies: pa.Array
    charsets: list[Charset]
    headers: pa.Table


def judge_file(path: Path, layout: Layout, source: Source) -> Iterator[Judged]:
    """Judge all records of a file, a few megabytes at a time."""
    if layout.encoding:
        source = source.model_copy(update={"charset": layout.encoding})
    for block in blocks(path, layout):
        yield _judge(block, layout, source)


def _judge(block: Block, layout: Layout, source: Source) -> Judged:
    reasons = _reasons_of_place(block, layout)
    texts: list[bytes] = []
    normal: list[bytes] = []
    decoded: list[Charset | None] = []
    kept: list[int] = []
    for index, record in enumerate(block.records):
        if reasons[index]:
            continue
        message = normalise(record)
        text, charset = message, None
        if not is_plain(message):
            result = decode(message, source.charset, declared_name(message))
            if result is None:
                reasons[index] = "undecodable"
                continue
            text, charset = result[0].encode("utf-8"), result[1]
        kept.append(index)
        texts.append(text)
        normal.append(message)
        decoded.append(charset)
    headers = _headers(texts, source.time_zone)
    verdicts = _verdicts(headers, source)
    for index, verdict in zip(kept, verdicts, strict=True):
        reasons[index] = verdict
    good = [k for k, verdict in enumerate(verdicts) if verdict is None]
    headers = headers.take(pa.array(good, pa.int64()))
    return Judged(
        first=block.first,
        records=block.records,
        reasons=reasons,
        kept=np.array([kept[k] for k in good], np.int64),
        hashes=[sha256(normal[k]).digest() for k in good],
        bodies=pa.array([texts[k] for k in good], pa.binary()).view(pa.string()),
        charsets=_charsets(headers, [decoded[k] for k in good], source),
        headers=headers,
    )


def _reasons_of_place(block: Block, layout: Layout) -> list[str | None]:
    """Say which records are set aside for where they stand, whatever they hold."""
    if layout.problem:
        return [layout.problem] * len(block.records)
    span = slice(block.first, block.first + len(block.records))
    reasons: list[str | None] = [None] * len(block.records)
    codes = layout.reasons[span]
    for index in np.flatnonzero(codes).tolist():
        reasons[index] = REASONS[codes[index]]
    for index in np.flatnonzero(layout.kinds[span] != MSH).tolist():
        reasons[index] = "no_msh"
    return reasons


@lru_cache(maxsize=1)
def _header_spec() -> SegmentSpec:
    return next(spec for spec in segment_specs() if spec.segment == "MSH")


def _headers(texts: list[bytes], zone: str) -> pa.Table:
    """Give the MSH columns of messages; a message without usable separators has row NULL."""
    lines = [text[: text.index(b"\r") + 1] for text in texts]
    bodies = pa.array(lines, pa.binary()).view(pa.string())
    found = parse(Messages(bodies, ["utf-8"] * len(lines), zone), [_header_spec()])
    table = _complete(found.get("hl7v2__msh"))
    if table.num_rows == len(lines):
        return table
    at = np.full(len(lines), -1, np.int64)
    at[np.asarray(table["row"])] = np.arange(table.num_rows)
    return table.take(pa.array(at, mask=at < 0))


def _complete(found: pa.Table | None) -> pa.Table:
    """Add the columns that hold nothing."""
    names = [column.name for leaf in _header_spec().leaves for column in leaf.columns()]
    schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in names)])
    table = schema.empty_table() if found is None else found
    lacking = {n: pa.nulls(table.num_rows, pa.string()) for n in names}
    return pa.table({**lacking, **{n: table[n] for n in table.column_names}})


def _verdicts(headers: pa.Table, source: Source) -> list[str | None]:
    """Say for each message why its header keeps it out; None when it does not."""
    verdicts = np.full(headers.num_rows, None, object)
    usable = np.asarray(headers["row"].is_valid())
    if "message_type" in headers.column_names:
        for reason, refused in _refusals(headers, source):
            verdicts[refused] = reason
    verdicts[~usable] = "bad_separators"
    found: list[str | None] = verdicts.tolist()
    return found


def _refusals(headers: pa.Table, source: Source) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Give refused messages by reason, the weightiest last."""
    if source.accepted_processing_ids:
        ids = headers["processing_id"].fill_null("")
        refused = ~np.asarray(pc.is_in(ids, pa.array(source.accepted_processing_ids)))
        yield "processing_id_not_accepted", refused
        yield "non_production", refused & np.asarray(pc.is_in(ids, pa.array(["D", "T"])))
    for accepted, side, reason in (
        (source.accepted_receivers, "receiving", "receiver_not_accepted"),
        (source.accepted_senders, "sending", "sender_not_accepted"),
    ):
        if accepted:
            application = headers[f"{side}_application"].fill_null("")
            facility = headers[f"{side}_facility"].fill_null("")
            both = pc.binary_join_element_wise(application, facility, "^")
            names = pa.array(accepted)
            yield reason, ~np.asarray(pc.or_(pc.is_in(application, names), pc.is_in(both, names)))
    kind = headers["message_type"].fill_null("")
    yield "missing_msh9", np.asarray(pc.is_in(kind, pa.array(["", '""'])))


def _charsets(headers: pa.Table, decoded: list[Charset | None], source: Source) -> list[Charset]:
    """Name the character set of each message; plain ASCII text is in the one it declares."""
    declared = headers["charset"].to_pylist() if headers.num_rows else []
    by_name = {name: _of_ascii(name or "", source) for name in set(declared)}
    return [
        known if known is not None else by_name[name]
        for known, name in zip(decoded, declared, strict=True)
    ]


def _of_ascii(declared: str, source: Source) -> Charset:
    return choose(source.charset, declared) or Charset("utf-8", "utf8")

"""Judges and decodes the records of a file: which are stored, which are set aside and why.

Works on the envelope only (MSH, framing, counts, character set). What the segments say is `parse`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.framing.batch import MSH, REASONS, Block, Layout, blocks
from lakeward.hl7v2.framing.charsets import Charset, choose, declared_name, decode, is_plain
from lakeward.hl7v2.framing.normalise import normalise
from lakeward.hl7v2.framing.plain_records import Bools, Ints, Ordinary, find_ordinary, join
from lakeward.hl7v2.raw.headers import headers_of
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
        block: The records as delivered.
        reasons: For each record why it is set aside; None for a message to be stored.
        kept: Indices (within this) of the messages to be stored; the columns below are theirs.
        hashes: SHA-256 of each message after `normalise`.
        bodies: Text of each message, CR after each segment.
        charset: Character set of each message, as an index into `charset_names`.
        charset_names: The character sets that occur.
        headers: MSH columns of each message, see specs/MSH.yaml.
    """

    block: Block
    reasons: list[str | None]
    kept: Ints
    hashes: list[bytes]
    bodies: pa.Array
    charset: Ints
    charset_names: tuple[Charset, ...]
    headers: pa.Table

    @property
    def first(self) -> int:
        """Index of the first record in its file, from 0."""
        return self.block.first

    @property
    def records(self) -> list[bytes]:
        """Give all records as delivered, trailing line ends removed."""
        return self.block.records

    @property
    def charsets(self) -> list[Charset]:
        """Give the character set of each message."""
        return [self.charset_names[index] for index in self.charset.tolist()]


def judge_file(path: Path, layout: Layout, source: Source) -> Iterator[Judged]:
    """Judge all records of a file, a few megabytes at a time."""
    if layout.encoding:
        source = source.model_copy(update={"charset": layout.encoding})
    for block in blocks(path, layout):
        yield judge(block, layout, source)


def judge(block: Block, layout: Layout, source: Source, *, exact: bool = False) -> Judged:
    """Judge the records of a block: ordinary ones in columns, the others one by one.

    Args:
        block: The records.
        layout: The layout of their file.
        source: The interface.
        exact: Take all of them one by one; the result is the same.
    """
    reasons = _reasons_of_place(block, layout)
    ordinary = find_ordinary(block)
    if exact:
        ordinary = replace(ordinary, yes=np.zeros(len(block), bool))
    read = _read(block, reasons, ordinary.yes, source)
    names = _Names.of(read, ordinary, source)
    if len(names.others):  # their header names a set in which these bytes are another text
        ordinary.yes[names.others] = False
        read = _read(block, reasons, ordinary.yes, source)
        names = _Names.of(read, ordinary, source)
    verdicts = _verdicts(read.headers, source)
    refused = np.array([verdict is not None for verdict in verdicts], bool)
    for index in np.flatnonzero(refused).tolist():
        reasons[int(read.kept[index])] = verdicts[index]
    good = np.flatnonzero(~refused)
    whole = len(good) == len(read.kept)
    chosen = pa.array(good)
    return Judged(
        block=block,
        reasons=reasons,
        kept=read.kept[good],
        hashes=read.hashes(good),
        bodies=read.bodies if whole else read.bodies.take(chosen),
        charset=names.which[good],
        charset_names=names.names,
        headers=read.headers if whole else read.headers.take(chosen),
    )


@dataclass(frozen=True)
class _Read:
    """Messages that could be read.

    Attributes:
        kept: Their indices within the block.
        bodies: Their texts.
        normal: What is hashed, by index within the block, where that is not the text.
        decoded: Character set, by index within the block, of those that were decoded.
        headers: Their MSH columns.
    """

    kept: Ints
    bodies: pa.Array
    normal: dict[int, bytes]
    decoded: dict[int, Charset]
    headers: pa.Table

    def hashes(self, chosen: Ints) -> list[bytes]:
        """Hash some of the messages."""
        offsets_buffer, data_buffer = self.bodies.buffers()[1:]
        if data_buffer is None:
            return []
        data, offsets = memoryview(data_buffer), np.frombuffer(offsets_buffer, np.int32)
        spans = zip(offsets[chosen].tolist(), offsets[chosen + 1].tolist(), strict=True)
        found = [sha256(data[start:end]).digest() for start, end in spans]
        if self.normal:
            for place, index in enumerate(self.kept[chosen].tolist()):
                if index in self.normal:
                    found[place] = sha256(self.normal[index]).digest()
        return found


def _read(block: Block, reasons: list[str | None], ordinary: Bools, source: Source) -> _Read:
    """Read the messages that are not set aside yet; those that cannot be decoded are."""
    texts: dict[int, bytes] = {}
    normal: dict[int, bytes] = {}
    decoded: dict[int, Charset] = {}
    candidates = np.array([reason is None for reason in reasons], bool)
    for index in np.flatnonzero(candidates & ~ordinary).tolist():
        message = normalise(block.record(index))
        texts[index] = message
        if not is_plain(message):
            result = decode(message, source.charset, declared_name(message))
            if result is None:
                reasons[index] = "undecodable"
                candidates[index] = False
                continue
            normal[index], decoded[index] = message, result[1]
            texts[index] = result[0].encode("utf-8")
    kept = np.flatnonzero(candidates)
    bodies = join(block, kept, texts)
    return _Read(kept, bodies, normal, decoded, headers_of(bodies, source.time_zone))


@dataclass(frozen=True)
class _Names:
    """The character set of each message, and those records for which it is not UTF-8 after all."""

    which: Ints
    names: tuple[Charset, ...]
    others: Ints

    @classmethod
    def of(cls, read: _Read, ordinary: Ordinary, source: Source) -> "_Names":
        """Name them by what the headers declare; ASCII is in whatever set is declared."""
        encoded = pc.dictionary_encode(read.headers["charset"].combine_chunks().fill_null(""))
        declared, codes = encoded.dictionary.to_pylist(), np.asarray(encoded.indices)
        of_ascii = [_of_ascii(name, source) for name in declared]
        of_utf8 = [_of_utf8(name, source) for name in declared]
        names = list(dict.fromkeys(filter(None, (*of_ascii, *of_utf8, *read.decoded.values()))))
        number = {charset: at for at, charset in enumerate(names)} | {None: -1}
        which = np.array([number[name] for name in of_ascii], np.int32)[codes]
        beyond = (ordinary.beyond_ascii & ordinary.yes)[read.kept]
        as_utf8 = np.array([number[name] for name in of_utf8], np.int32)[codes]
        which[beyond] = as_utf8[beyond]
        which[beyond & read.headers["several_charsets"].to_numpy()] = -1
        others = read.kept[which < 0]
        if read.decoded:
            for place in np.flatnonzero(np.isin(read.kept, list(read.decoded))).tolist():
                which[place] = number[read.decoded[int(read.kept[place])]]
        return cls(which, tuple(names), others)


def _of_ascii(declared: str, source: Source) -> Charset:
    return choose(source.charset, declared) or Charset("utf-8", "utf8")


def _of_utf8(declared: str, source: Source) -> Charset | None:
    """Name the set of a message in valid UTF-8; None when it is to be read as another set."""
    sample = "é"
    result = decode(sample.encode("utf-8"), source.charset, declared)
    return result[1] if result is not None and result[0] == sample else None


def _reasons_of_place(block: Block, layout: Layout) -> list[str | None]:
    """Say which records are set aside for where they stand, whatever they hold."""
    if layout.problem:
        return [layout.problem] * len(block)
    span = slice(block.first, block.first + len(block))
    reasons: list[str | None] = [None] * len(block)
    codes = layout.reasons[span]
    for index in np.flatnonzero(codes).tolist():
        reasons[index] = REASONS[codes[index]]
    for index in np.flatnonzero(layout.kinds[span] != MSH).tolist():
        reasons[index] = "no_msh"
    return reasons


def _verdicts(headers: pa.Table, source: Source) -> NDArray[np.object_]:
    """Say for each message why its header keeps it out; None when it does not."""
    verdicts = np.full(headers.num_rows, None, object)
    for reason, refused in _refusals(headers, source):
        verdicts[refused] = reason
    verdicts[~np.asarray(headers["row"].is_valid())] = "bad_separators"
    return verdicts


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

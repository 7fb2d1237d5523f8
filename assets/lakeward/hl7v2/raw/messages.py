"""Checks and decodes the records of a file: which can be stored, which are rejected and why.

Works on the envelope only (MSH, framing, counts, character set). What the segments say is `parse`.

A block is checked in columns: plain records (`plain_records`) are copied in stretches, all headers
are parsed at once. Only the others are normalised and decoded one by one, to the same result; a
property test holds both ways equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.arrays import Bools, Ints, text_offsets
from lakeward.hl7v2.framing.batch import REASONS, FileLayout, RecordBlock, read_blocks
from lakeward.hl7v2.framing.charsets import (
    Charset,
    choose_charset,
    decode,
    is_charset_independent,
    read_msh_18,
)
from lakeward.hl7v2.framing.line_marks import LineKind
from lakeward.hl7v2.framing.normalise import normalise
from lakeward.hl7v2.framing.plain_records import PlainRecords, find_plain_records, join_bodies
from lakeward.hl7v2.raw.headers import headers_of
from lakeward.landing.sources import Source

DETAILS = {
    "not_hl7v2": "no MSH segment in the file; content is cut at 1 MiB",
    "truncated_gzip": "the gzip stream ends early or is damaged; content is cut at 1 MiB",
    "gzip_unfolds_too_far": "the file unfolds to over 200 times its size; content is cut at 1 MiB",
    "message_too_long": "the message is longer than 64 MB; content is cut at 1 MiB",
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
"""Reason codes for which a record is rejected, and what each means."""

_SAMPLE = "é"
"""A text beyond ASCII; its bytes in UTF-8 are other characters in every other set, or none."""


@dataclass(frozen=True)
class CheckedMessages:
    """Some consecutive records of a file.

    Attributes:
        block: The records as delivered.
        reasons: For each record why it is rejected; None for a message that can be stored.
        kept: Indices (within this block) of the messages that can be stored; the arrays and columns
            below are theirs, one entry a message.
        hashes: SHA-256 of each message after `normalise`.
        bodies: Text of each message, CR after each segment.
        charset: Character set of each message, as an index into `charset_names`.
        charset_names: The character sets that occur.
        headers: One row a message, columns as `headers.headers_of` builds them.
    """

    block: RecordBlock
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
        """All records as delivered, trailing line ends removed."""
        return self.block.records

    @property
    def charsets(self) -> list[Charset]:
        """Character set of each message."""
        return [self.charset_names[index] for index in self.charset.tolist()]


def check_file(path: Path, layout: FileLayout, source: Source) -> Iterator[CheckedMessages]:
    """Check all records of a file, a few megabytes at a time."""
    if layout.encoding:
        # UTF-16 and UTF-32 are split as UTF-8, so that is the set, whatever MSH-18 says
        source = source.model_copy(update={"charset": layout.encoding})
    for block in read_blocks(path, layout):
        yield check_records(block, layout, source)


def check_records(
    block: RecordBlock, layout: FileLayout, source: Source, *, one_by_one: bool = False
) -> CheckedMessages:
    """Check the records of a block: plain ones in columns, the others one by one.

    Args:
        block: The records.
        layout: The layout of their file.
        source: The interface.
        one_by_one: Take no record for plain; the result is the same.
    """
    reasons = _reasons_of_layout(block, layout)
    plain = find_plain_records(block)
    if one_by_one:
        plain = replace(plain, is_plain=np.zeros(len(block), bool))
    read = _read(block, reasons, plain.is_plain, source)
    charsets = _Charsets.of(read, plain, source)
    if len(charsets.not_utf8):
        # Their header names a set in which these bytes are another text than in UTF-8. Only a
        # header that was read can say so, hence the second look, one by one. It is rare.
        plain.is_plain[charsets.not_utf8] = False
        read = _read(block, reasons, plain.is_plain, source)
        charsets = _Charsets.of(read, plain, source)
    header_reasons = _reasons_of_headers(read.headers, source)
    is_rejected = np.array([reason is not None for reason in header_reasons], bool)
    for index in np.flatnonzero(is_rejected).tolist():
        reasons[int(read.kept[index])] = header_reasons[index]
    good = np.flatnonzero(~is_rejected)
    whole = len(good) == len(read.kept)  # nearly always: then nothing is copied
    chosen = pa.array(good)
    return CheckedMessages(
        block=block,
        reasons=reasons,
        kept=read.kept[good],
        hashes=read.hashes(good),
        bodies=read.bodies if whole else read.bodies.take(chosen),
        charset=charsets.which[good],
        charset_names=charsets.names,
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
        """Hash some of the messages.

        What is hashed are the bytes in the set of the sender, not the decoded text: a corrected
        `charset` in sources.yaml must not make every message of the past a new one.
        """
        data_buffer = self.bodies.buffers()[2]
        if data_buffer is None:
            return []
        data, offsets = memoryview(data_buffer), text_offsets(self.bodies)
        spans = zip(offsets[chosen].tolist(), offsets[chosen + 1].tolist(), strict=True)
        found = [sha256(data[start:end]).digest() for start, end in spans]
        if self.normal:
            for row, index in enumerate(self.kept[chosen].tolist()):
                if index in self.normal:
                    found[row] = sha256(self.normal[index]).digest()
        return found


def _read(block: RecordBlock, reasons: list[str | None], is_plain: Bools, source: Source) -> _Read:
    """Read the messages that are not rejected yet; enter a reason for those that do not decode."""
    texts: dict[int, bytes] = {}
    normal: dict[int, bytes] = {}
    decoded: dict[int, Charset] = {}
    candidates = np.array([reason is None for reason in reasons], bool)
    # the slow way, for the few records that are not plain
    for index in np.flatnonzero(candidates & ~is_plain).tolist():
        message = normalise(block.record(index))
        texts[index] = message
        if not is_charset_independent(message):
            result = decode(message, source.charset, read_msh_18(message))
            if result is None:
                reasons[index] = "undecodable"
                candidates[index] = False
                continue
            normal[index], decoded[index] = message, result[1]
            texts[index] = result[0].encode("utf-8")
    kept = np.flatnonzero(candidates)
    bodies = join_bodies(block, kept, texts)
    return _Read(kept, bodies, normal, decoded, headers_of(bodies, source.time_zone))


@dataclass(frozen=True)
class _Charsets:
    """The character set of each message.

    Attributes:
        which: For each message an index into `names`.
        names: The character sets that occur.
        not_utf8: Indices within the block of records that were taken for UTF-8 and are not.
    """

    which: Ints
    names: tuple[Charset, ...]
    not_utf8: Ints

    @classmethod
    def of(cls, read: _Read, plain: PlainRecords, source: Source) -> "_Charsets":
        """Name them by what the headers declare; ASCII is in whatever set is declared."""
        encoded = pc.dictionary_encode(read.headers["charset"].combine_chunks().fill_null(""))
        declared, codes = encoded.dictionary.to_pylist(), np.asarray(encoded.indices)
        # a block has a handful of declared names: each is looked up once, not once a message
        of_ascii = [_charset_of_ascii(name, source) for name in declared]
        of_utf8 = [_charset_of_utf8(name, source) for name in declared]
        names = list(dict.fromkeys(filter(None, (*of_ascii, *of_utf8, *read.decoded.values()))))
        number = {charset: at for at, charset in enumerate(names)} | {None: -1}
        which = np.array([number[name] for name in of_ascii], np.int32)[codes]
        # a plain record beyond ASCII is valid UTF-8: is that the set that its header declares?
        beyond = (plain.beyond_ascii & plain.is_plain)[read.kept]
        as_utf8 = np.array([number[name] for name in of_utf8], np.int32)[codes]
        which[beyond] = as_utf8[beyond]
        which[beyond & read.headers["several_charsets"].to_numpy()] = -1
        not_utf8 = read.kept[which < 0]
        if read.decoded:
            for row in np.flatnonzero(np.isin(read.kept, list(read.decoded))).tolist():
                which[row] = number[read.decoded[int(read.kept[row])]]
        return cls(which, tuple(names), not_utf8)


def _charset_of_ascii(declared: str, source: Source) -> Charset:
    return choose_charset(source.charset, declared) or Charset("utf-8", "utf8")


def _charset_of_utf8(declared: str, source: Source) -> Charset | None:
    """Name the set of a message in valid UTF-8; None when it is to be read as another set."""
    result = decode(_SAMPLE.encode("utf-8"), source.charset, declared)
    return result[1] if result is not None and result[0] == _SAMPLE else None


def _reasons_of_layout(block: RecordBlock, layout: FileLayout) -> list[str | None]:
    """Return the reason of each record that is rejected for its position, whatever it holds."""
    if layout.problem:
        return [layout.problem] * len(block)
    span = slice(block.first, block.first + len(block))
    reasons: list[str | None] = [None] * len(block)
    codes = layout.reasons[span]
    for index in np.flatnonzero(codes).tolist():
        reasons[index] = REASONS[codes[index]]
    # text without a header is no message, whatever became of its batch
    for index in np.flatnonzero(layout.kinds[span] != LineKind.MSH).tolist():
        reasons[index] = "no_msh"
    for index in np.flatnonzero(block.is_cut).tolist():
        reasons[index] = "message_too_long"
    return reasons


def _reasons_of_headers(headers: pa.Table, source: Source) -> NDArray[np.object_]:
    """Return for each message why its header keeps it out; None when it does not."""
    reasons = np.full(headers.num_rows, None, object)
    for reason, is_rejected in _rejections(headers, source):
        reasons[is_rejected] = reason
    reasons[~np.asarray(headers["row"].is_valid())] = "bad_separators"
    return reasons


def _rejections(headers: pa.Table, source: Source) -> Iterator[tuple[str, Bools]]:
    """Yield which messages are rejected, by reason; the last one given for a message counts."""
    # From the mildest to the weightiest: a test message of a stranger is reported as a stranger's.
    if source.accepted_processing_ids:
        ids = headers["processing_id"].fill_null("")
        is_rejected = ~np.asarray(pc.is_in(ids, pa.array(source.accepted_processing_ids)))
        yield "processing_id_not_accepted", is_rejected
        yield "non_production", is_rejected & np.asarray(pc.is_in(ids, pa.array(["D", "T"])))
    for accepted, side, reason in (
        (source.accepted_receivers, "receiving", "receiver_not_accepted"),
        (source.accepted_senders, "sending", "sender_not_accepted"),
    ):
        if accepted:
            application = headers[f"{side}_application"].fill_null("")
            facility = headers[f"{side}_facility"].fill_null("")
            # an entry is an application, or application^facility
            both = pc.binary_join_element_wise(application, facility, "^")
            names = pa.array(accepted)
            yield reason, ~np.asarray(pc.or_(pc.is_in(application, names), pc.is_in(both, names)))
    kind = headers["message_type"].fill_null("")
    yield "missing_msh9", np.asarray(pc.is_in(kind, pa.array(["", '""'])))

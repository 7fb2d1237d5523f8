r"""The hostile corpus as data: each file, what it shows, and what must become of it.

    .venv/bin/python tests/golden/hl7v2/hostile/make_corpus.py

writes `files/` and `MANIFEST.json` next to this script. The expectations stand here by hand; no
parser is asked for them. All people, numbers and places are invented.
"""

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
SEGMENTS = "^~\\&"


@dataclass(frozen=True)
class Case:
    """One file and its outcome.

    Attributes:
        name: File name.
        shows: What is hostile about it.
        content: Its bytes.
        found: Records (messages and text that belongs to none).
        stored: Messages that are good.
        duplicate: Messages whose content came before in the file.
        reasons: Rejected records by reason; found = stored + duplicate + the sum of these.
        warnings: Codes that the envelopes must carry, with their number.
        rules: Settings of the interface that differ from the default.
        charset_flags: Messages by doubt about their character set.
        family: A family name (PID-5.1) that must come out.
        repeats: How many of the stored change nothing and may be counted instead of kept.
    """

    name: str
    shows: str
    content: bytes
    found: int
    stored: int
    duplicate: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    charset_flags: dict[str, int] = field(default_factory=dict)
    family: str | None = None
    repeats: int = 0


def head(
    control: str,
    kind: str = "ADT^A08",
    at: str = "20260310120000",
    charset: str = "",
    seq: str = "",
) -> str:
    """Write an MSH segment."""
    start = f"MSH|{SEGMENTS}|OAKADT|OAKFIELD|LAKEWARD|OAKFIELD|{at}||{kind}|{control}|P|2.5.1"
    return f"{start}|{seq}|||||{charset}" if charset or seq else start


def message(control: str, *segments: str, kind: str = "ADT^A08", **header: str) -> bytes:
    """Write a message in UTF-8, CR after each segment; without segments a patient is made up."""
    body = segments or (f"EVN||{header.get('at', '20260310120000')}", person(control))
    return "".join(f"{s}\r" for s in (head(control, kind, **header), *body)).encode()


def person(number: str, name: str = "Quillon^Vera", prior: str = "") -> str:
    """Write PID, and MRG when there is a prior number."""
    merge = f"\rMRG|{prior}^^^OAK^MR" if prior else ""
    return f"PID|1||{number}^^^OAK^MR||{name}||19610203|F{merge}"


def visit(number: str, place: str = "4W^401^A", prior: str = "") -> str:
    """Write PV1 of an inpatient."""
    return f"PV1|1|I|{place}|||{prior}|||||||||||||{number}^^^OAK^VN"


def fhs(control: str = "", extra: str = "") -> bytes:
    """Write FHS."""
    return f"FHS|{SEGMENTS}|OAKADT|OAKFIELD|||20260310||oak.hl7||{control}{extra}\r".encode()


def bhs(control: str = "", extra: str = "") -> bytes:
    """Write BHS."""
    return f"BHS|{SEGMENTS}|OAKADT|OAKFIELD|||20260310||oak||{control}{extra}\r".encode()


def m(*controls: str) -> bytes:
    """Write one plain message for each control id."""
    return b"".join(message(c) for c in controls)


ABC = m("A1", "A2", "A3")
LONE = b"PID|1||A9^^^OAK^MR||Quillon^Vera\rPV1|1|I\r"

COUNTS = [
    Case(
        "count-bts-too-high.hl7",
        "BTS promises 5, 3 came: two were lost on the way",
        bhs() + ABC + b"BTS|5\r",
        3,
        0,
        0,
        {"count_mismatch": 3},
        {"count_mismatch": 1},
    ),
    Case(
        "count-bts-too-low.hl7",
        "BTS promises 2, 3 came",
        bhs() + ABC + b"BTS|2\r",
        3,
        0,
        0,
        {"count_mismatch": 3},
        {"count_mismatch": 1},
    ),
    Case(
        "count-bts-lie-accepted.hl7",
        "the same lie where the site accepts it with a warning",
        bhs() + ABC + b"BTS|2\r",
        3,
        3,
        0,
        {},
        {"count_mismatch": 1},
        {"batch_policy": "accept_with_warning"},
    ),
    Case(
        "count-bts-not-a-number.hl7",
        "BTS-1 is a word: it promises nothing",
        bhs() + ABC + b"BTS|three|end\r",
        3,
        3,
        0,
        {},
        {"count_not_a_number": 1},
    ),
    Case("count-bts-empty.hl7", "BTS without fields", bhs() + ABC + b"BTS\r", 3, 3),
    Case(
        "count-bts-padded.hl7",
        "BTS-1 with zeros, blanks and a second component",
        bhs() + ABC + b"BTS| 003 ^x\r",
        3,
        3,
    ),
    Case(
        "count-bts-beyond-integers.hl7",
        "BTS-1 has 40 digits: no count that a program can hold",
        bhs() + ABC + b"BTS|" + b"9" * 40 + b"\r",
        3,
        3,
        0,
        {},
        {"count_not_a_number": 1},
    ),
    Case(
        "count-bts-negative.hl7",
        "BTS-1 is negative",
        bhs() + ABC + b"BTS|-3\r",
        3,
        3,
        0,
        {},
        {"count_not_a_number": 1},
    ),
    Case(
        "count-fts-lies.hl7",
        "FTS promises 3 batches, 1 came: all of the file is suspect",
        fhs() + bhs() + ABC + b"BTS|3\rFTS|3\r",
        3,
        0,
        0,
        {"count_mismatch": 3},
        {"count_mismatch": 1},
    ),
    Case(
        "count-two-batches-one-lies.hl7",
        "the honest batch is kept, the other rejected",
        fhs() + bhs() + m("A1", "A2") + b"BTS|2\r" + bhs() + m("A3") + b"BTS|2\rFTS|2\r",
        3,
        2,
        0,
        {"count_mismatch": 1},
        {"count_mismatch": 1, "partly_quarantined": 1},
    ),
    Case(
        "count-lies-that-add-up.hl7",
        "two batches lie, their sum is right",
        bhs() + m("A1", "A2") + b"BTS|1\r" + bhs() + m("A3") + b"BTS|2\r",
        3,
        0,
        0,
        {"count_mismatch": 3},
        {"count_mismatch": 2},
    ),
    Case(
        "count-bad-message-counts.hl7",
        "an unusable message is counted by its trailer too",
        bhs() + m("A1") + b"MSH|^~\\&|OAKADT|OAKFIELD|||2026||\rPID|1\r" + m("A3") + b"BTS|3\r",
        3,
        2,
        0,
        {"missing_msh9": 1},
    ),
    Case(
        "count-log-line-does-not-count.hl7",
        "a log line within a batch is no message",
        bhs() + b"12:00:01 INFO sending\r" + m("A1", "A2") + b"BTS|2\r",
        3,
        2,
        0,
        {"no_msh": 1},
    ),
]

ENVELOPES = [
    Case(
        "envelope-no-trailer.hl7",
        "BHS without BTS, last segment ended",
        bhs() + ABC,
        3,
        3,
        0,
        {},
        {"no_trailer": 1},
    ),
    Case(
        "envelope-no-header.hl7", "BTS without BHS", ABC + b"BTS|3\r", 3, 3, 0, {}, {"no_header": 1}
    ),
    Case(
        "envelope-truncated.hl7",
        "BHS without BTS, ends within a segment",
        bhs() + (m("A1", "A2"))[:-9],
        2,
        0,
        0,
        {"truncated": 2},
        {"no_trailer": 1, "truncated": 1},
    ),
    Case(
        "envelope-truncated-accepted.hl7",
        "the same where the site accepts: the cut one stays out",
        bhs() + (m("A1", "A2"))[:-9],
        2,
        1,
        0,
        {"truncated": 1},
        {"no_trailer": 1, "truncated": 1, "partly_quarantined": 1},
        {"batch_policy": "accept_with_warning"},
    ),
    Case(
        "envelope-fts-cut-off.hl7",
        "a whole batch, then the file ends without FTS",
        fhs() + bhs() + ABC + b"BTS|3\r",
        3,
        3,
        0,
        {},
        {"no_trailer": 1},
    ),
    Case(
        "envelope-fhs-without-bhs.hl7",
        "FHS, messages, FTS: counts as one batch",
        fhs() + ABC + b"FTS|1\r",
        3,
        3,
    ),
    Case(
        "envelope-fhs-without-bhs-cut.hl7",
        "FHS and messages, ends within a segment",
        fhs() + (m("A1", "A2"))[:-9],
        2,
        0,
        0,
        {"truncated": 2},
        {"no_trailer": 1, "truncated": 1, "partly_quarantined": 1},
    ),
    Case(
        "envelope-nested-bhs.hl7",
        "a batch within a batch: the outer trailer promises what is gone",
        bhs() + m("A1") + bhs() + m("A2") + b"BTS|1\rBTS|1\r",
        2,
        2,
        0,
        {},
        {"no_trailer": 1, "no_header": 1, "count_mismatch": 1},
    ),
    Case(
        "envelope-nested-fhs.hl7",
        "FHS within FHS, one FTS",
        fhs() + bhs() + m("A1") + b"BTS|1\r" + fhs() + bhs() + m("A2") + b"BTS|1\rFTS|1\r",
        2,
        2,
        0,
        {},
        {"no_trailer": 1},
    ),
    Case(
        "envelope-two-files-in-one.hl7",
        "two whole files one after the other",
        (fhs("F1") + bhs("B1") + m("A1") + b"BTS|1\rFTS|1\r")
        + (fhs("F2") + bhs("B2") + m("A2") + b"BTS|1\rFTS|1\r"),
        2,
        2,
    ),
    Case(
        "envelope-header-twice.hl7",
        "BHS directly after BHS",
        bhs() + bhs() + ABC + b"BTS|3\r",
        3,
        3,
        0,
        {},
        {"repeated_header": 1},
    ),
    Case(
        "envelope-messages-between-batches.hl7",
        "a message that stands in no batch",
        fhs() + bhs() + m("A1") + b"BTS|1\r" + m("A2") + bhs() + m("A3") + b"BTS|1\rFTS|2\r",
        3,
        3,
    ),
    Case(
        "envelope-empty-batch.hl7",
        "nothing to send: success with volume 0",
        fhs() + bhs() + b"BTS|0\rFTS|1\r",
        0,
        0,
    ),
    Case(
        "envelope-empty-batch-that-promises.hl7",
        "no message, BTS promises 4",
        fhs() + bhs() + b"BTS|4\rFTS|1\r",
        0,
        0,
        0,
        {},
        {"count_mismatch": 1},
    ),
    Case(
        "envelope-only-headers.hl7",
        "the file ends after its headers",
        fhs() + bhs(),
        0,
        0,
        0,
        {},
        {"no_trailer": 2},
    ),
    Case("envelope-empty-file.hl7", "no byte at all", b"", 0, 0),
    Case("envelope-blank-file.hl7", "nothing but line ends", b"\r\n\r\n  \r\n", 0, 0),
    Case(
        "envelope-ack-batch.hl7",
        "an answer: BHS-12 names what it answers; stored, no effect",
        bhs("R1", "|B77") + message("N1", "MSA|AE|A17|bad date", kind="ACK") + b"BTS|1\r",
        1,
        1,
    ),
    Case(
        "envelope-own-separators.hl7",
        "each envelope and message brings its own separators",
        b"BHS#*%!@#OAKADT#OAKFIELD\rMSH#*%!@#OAKADT#OAKFIELD#LAKEWARD#OAKFIELD#20260310##ADT*A08#S1"
        b"#P#2.5.1\rPID#1##S1***OAK*MR##O!F!Hara*Vera\r" + m("A2") + b"BTS#2\r",
        2,
        2,
        family="O#Hara",
    ),
    Case(
        "envelope-same-batch-twice.hl7",
        "a batch sent again under its control id",
        (bhs("B1") + ABC + b"BTS|3\r") * 2,
        6,
        3,
        3,
    ),
    Case(
        "envelope-control-id-reuse.hl7",
        "the control id of an accepted batch, other content",
        bhs("B1") + m("A1", "A2") + b"BTS|2\r" + bhs("B1") + m("A3") + b"BTS|1\r",
        3,
        2,
        0,
        {"control_id_reuse": 1},
        {"control_id_reuse": 1},
    ),
    Case(
        "envelope-control-id-reuse-accepted.hl7",
        "the same where the sender counts from 1 each day",
        bhs("B1") + m("A1", "A2") + b"BTS|2\r" + bhs("B1") + m("A3") + b"BTS|1\r",
        3,
        3,
        0,
        {},
        {"control_id_reuse": 1},
        {"control_id_policy": "accept_with_warning"},
    ),
    Case(
        "envelope-counter-gap.hl7",
        "FHS-11 counts 17, then 20",
        (fhs("N0017") + m("A1") + b"FTS|1\r") + (fhs("N0020") + m("A2") + b"FTS|1\r"),
        2,
        2,
        0,
        {},
        {"sequence_gap": 1},
    ),
    Case(
        "envelope-header-too-long.hl7",
        "BHS with a comment of 5,000 bytes before its control id",
        bhs("B1").replace(b"||B1", b"|" + b"x" * 5000 + b"|B1") + ABC + b"BTS|3\r",
        3,
        3,
        0,
        {},
        {"header_too_long": 1},
    ),
    Case(
        "envelope-comment-and-totals.hl7",
        "BTS-2 and BTS-3, FTS-2",
        fhs() + bhs() + ABC + b"BTS|3|night run|17~4\rFTS|1|done\r",
        3,
        3,
    ),
]

FRAMING = [
    Case(
        "framing-mllp.hl7",
        "VT before, FS CR after each message",
        b"".join(b"\x0b" + m(c) + b"\x1c\r" for c in ("A1", "A2", "A3")),
        3,
        3,
    ),
    Case(
        "framing-mllp-without-cr.hl7",
        "VT and FS, no CR between frames",
        b"".join(b"\x0b" + m(c).rstrip() + b"\x1c" for c in ("A1", "A2", "A3")),
        3,
        3,
    ),
    Case("framing-lf.hl7", "LF ends segments", ABC.replace(b"\r", b"\n"), 3, 3),
    Case("framing-crlf.hl7", "CRLF ends segments", ABC.replace(b"\r", b"\r\n"), 3, 3),
    Case(
        "framing-mixed-ends.hl7",
        "CR, then LF, then CRLF, a message each",
        m("A1") + m("A2").replace(b"\r", b"\n") + m("A3").replace(b"\r", b"\r\n"),
        3,
        3,
    ),
    Case(
        "framing-same-message-other-ends.hl7",
        "one message three times, with three line ends",
        m("A1") + m("A1").replace(b"\r", b"\n") + m("A1").replace(b"\r", b"\r\n"),
        3,
        1,
        2,
    ),
    Case(
        "framing-blank-lines.hl7",
        "blank lines within and between messages",
        b"\r\r" + m("A1").replace(b"\r", b"\r\r") + b"\n \n" + m("A2") + b"\r\t\r",
        2,
        2,
    ),
    Case("framing-bom-at-start.hl7", "UTF-8 byte order mark first", b"\xef\xbb\xbf" + ABC, 3, 3),
    Case(
        "framing-bom-in-the-middle.hl7",
        "files with marks, joined",
        b"\xef\xbb\xbf" + m("A1") + b"\xef\xbb\xbf" + m("A2") + b"\xef\xbb\xbf",
        2,
        2,
    ),
    Case(
        "framing-bom-before-fhs.hl7",
        "byte order mark before FHS",
        b"\xef\xbb\xbf" + fhs() + bhs() + ABC + b"BTS|3\rFTS|1\r",
        3,
        3,
    ),
    Case(
        "framing-lf-inside-field.hl7",
        "LF is data where CR ends segments",
        message("A1", person("A1"), "OBX|1|TX|N^note||line one\nline two\n\nline four"),
        1,
        1,
    ),
    Case(
        "framing-line-without-segment-id.hl7",
        "a line that continues the field before",
        message("A1", person("A1"), "OBX|1|TX|N^note||line one\rand line two"),
        1,
        1,
    ),
    Case(
        "framing-msh-within-a-line.hl7",
        "MSH| within a field starts no message",
        message("A1", person("A1"), "NTE|1||quoted MSH|^~\\&|X and BTS|9"),
        1,
        1,
    ),
    Case(
        "framing-no-last-terminator.hl7",
        "plain messages, the last segment is not ended",
        ABC.rstrip(),
        3,
        3,
    ),
    Case("framing-padding.hl7", "NUL and Ctrl-Z after the end", ABC + b"\x00\x00\x1a", 3, 3),
    Case(
        "framing-one-line-each.hl7",
        "messages of one segment",
        b"".join((head(c) + "\r").encode() for c in ("A1", "A2")),
        2,
        2,
    ),
    Case(
        "framing-gzip.hl7",
        "gzip whatever the name says",
        gzip.compress(bhs() + ABC + b"BTS|3\r", mtime=0),
        3,
        3,
    ),
    Case(
        "framing-gzip-truncated.hl7.gz",
        "a gzip stream that ends early",
        gzip.compress(ABC, mtime=0)[:-11],
        1,
        0,
        0,
        {"truncated_gzip": 1},
    ),
    Case(
        "framing-gzip-garbage-after.hl7.gz",
        "bytes after the gzip stream",
        gzip.compress(ABC, mtime=0) + b"garbage",
        1,
        0,
        0,
        {"truncated_gzip": 1},
    ),
    Case(
        "framing-log-file.hl7",
        "a log where a batch should be",
        b"2026-03-10 12:00:01 INFO connected\n2026-03-10 12:00:02 ERROR refused\n",
        1,
        0,
        0,
        {"not_hl7v2": 1},
    ),
    Case(
        "framing-ndjson.hl7",
        "FHIR where HL7 v2 should be",
        b'{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n',
        1,
        0,
        0,
        {"not_hl7v2": 1},
    ),
    Case(
        "framing-log-line-first.hl7",
        "a log line before the first message",
        b"export started\r\n" + ABC,
        4,
        3,
        0,
        {"no_msh": 1},
    ),
    Case(
        "framing-message-without-msh.hl7",
        "a message that lost its MSH, between trailers",
        bhs() + m("A1") + b"BTS|1\r" + LONE + bhs() + m("A2") + b"BTS|1\r",
        3,
        2,
        0,
        {"no_msh": 1},
    ),
    Case(
        "framing-lower-case.hl7",
        "segment ids in lower case are no segments",
        ABC.lower(),
        1,
        0,
        0,
        {"not_hl7v2": 1},
    ),
    Case(
        "framing-huge-segment.hl7",
        "one OBX of 60,000 bytes",
        message("A1", person("A1"), "OBX|1|ED|PDF||^AP^^Base64^" + "QUJD" * 15000) + m("A2"),
        2,
        2,
    ),
    Case(
        "framing-long-header.hl7",
        "BHS with a comment of 3,000 bytes",
        bhs().replace(b"|oak|", b"|oak|" + b"x" * 3000) + ABC + b"BTS|3\r",
        3,
        3,
    ),
]


def kanji(control: str, codec: str, name: str, charset: str, application: str = "") -> bytes:
    """Write a message in a multi-byte set."""
    start = head(control, charset=charset).replace("|OAKADT|", f"|{application or 'OAKADT'}|")
    return f"{start}\r{person(control, name)}\r".encode(codec)


MULLER = "Müller^Jürgen"
CHARSETS = [
    Case(
        "charset-utf16-le-bom.hl7",
        "a file in UTF-16, byte order mark first",
        (
            "\ufeff" + (bhs() + message("A1", person("A1", MULLER)) + m("A2") + b"BTS|2\r").decode()
        ).encode("utf-16-le"),
        2,
        2,
        family="Müller",
    ),
    Case(
        "charset-utf16-be-no-bom.hl7",
        "a file in UTF-16, no mark, the other byte order",
        (message("A1", person("A1", "Łoś^Żaneta ഊ"), charset="UNICODE UTF-16") + m("A2"))
        .decode()
        .encode("utf-16-be"),
        2,
        2,
        family="Łoś",
    ),
    Case(
        "charset-utf16-lone-surrogate.hl7",
        "half a character: that message alone stays out",
        b"\xff\xfe"
        + (m("A1") + m("A2") + m("A3"))
        .decode()
        .encode("utf-16-le")
        .replace("A2^^^".encode("utf-16-le"), "A2^^".encode("utf-16-le") + b"\x00\xd8", 1),
        3,
        2,
        0,
        {"undecodable": 1},
    ),
    Case(
        "charset-utf16-odd-length.hl7",
        "the last byte of a UTF-16 file is missing",
        (m("A1") + m("A2")).decode().encode("utf-16-le")[:-1],
        2,
        1,
        0,
        {"undecodable": 1},
    ),
    Case("charset-utf32.hl7", "a file in UTF-32", ABC.decode().encode("utf-32"), 3, 3),
    Case(
        "charset-utf8.hl7",
        "UTF-8, declared",
        message("A1", person("A1", MULLER), charset="UNICODE UTF-8"),
        1,
        1,
        family="Müller",
    ),
    Case(
        "charset-latin1.hl7",
        "Latin-1, declared",
        message("A1", person("A1", MULLER), charset="8859/1").decode().encode("latin-1"),
        1,
        1,
        family="Müller",
    ),
    Case(
        "charset-undeclared-utf8.hl7",
        "UTF-8, not declared",
        message("A1", person("A1", MULLER)),
        1,
        1,
        family="Müller",
    ),
    Case(
        "charset-undeclared-cp1252.hl7",
        "Windows-1252, not declared",
        message("A1", person("A1", "O\u2019Brien^Zoë €")).decode().encode("cp1252"),
        1,
        1,
        family="O\u2019Brien",
    ),
    Case(
        "charset-undeclared-nothing-fits.hl7",
        "neither UTF-8 nor Windows-1252",
        m("A1") + m("A2").replace(b"Vera", b"V\x81ra"),
        2,
        1,
        0,
        {"undecodable": 1},
    ),
    Case(
        "charset-lies-utf8-as-latin1.hl7",
        "declares Latin-1, is UTF-8: kept as declared, flagged",
        message("A1", person("A1", MULLER), charset="8859/1"),
        1,
        1,
        charset_flags={"looks_like_utf8": 1},
        family="MÃ¼ller",
    ),
    Case(
        "charset-lies-latin1-as-utf8.hl7",
        "declares UTF-8, is Latin-1: rejected",
        message("A1", person("A1", MULLER), charset="UNICODE UTF-8").decode().encode("latin-1"),
        1,
        0,
        0,
        {"undecodable": 1},
    ),
    Case(
        "charset-lies-ascii.hl7",
        "declares ASCII, is not",
        message("A1", person("A1", MULLER), charset="ASCII"),
        1,
        0,
        0,
        {"undecodable": 1},
    ),
    Case(
        "charset-lies-utf16.hl7",
        "declares UTF-16, is UTF-8",
        message("A1", person("A1", MULLER), charset="UNICODE UTF-16"),
        1,
        1,
        charset_flags={"unknown_name": 1},
        family="Müller",
    ),
    Case(
        "charset-unknown-name.hl7",
        "declares a set that nobody knows",
        message("A1", person("A1", MULLER), charset="OAK-7"),
        1,
        1,
        charset_flags={"unknown_name": 1},
        family="Müller",
    ),
    Case(
        "charset-no-codec.hl7",
        "declares CNS 11643, for which there is no codec: no guess",
        message("A1", charset="CNS 11643-1992").replace(b"Vera", b"\xa4\xa4"),
        1,
        0,
        0,
        {"undecodable": 1},
    ),
    Case(
        "charset-three-in-one-file.hl7",
        "UTF-8, Latin-1 and Latin-2 in one batch",
        bhs()
        + message("A1", person("A1", MULLER), charset="UNICODE UTF-8")
        + message("A2", person("A2", MULLER), charset="8859/1").decode().encode("latin-1")
        + message("A3", person("A3", "Łoś^Ewa"), charset="8859/2").decode().encode("iso8859-2")
        + b"BTS|3\r",
        3,
        3,
        family="Łoś",
    ),
    Case(
        "charset-shift-jis-trail-bytes.hl7",
        "second bytes 0x5C, 0x7C and 0x5E: \\, | and ^",
        kanji("A1", "shift_jis", "表^ソポ十", "Shift_JIS") + m("A2"),
        2,
        2,
        family="表",
    ),
    Case(
        "charset-shift-jis-in-header.hl7",
        "the sender's name holds a second byte |",
        kanji("A1", "shift_jis", "山田^太郎", "Shift_JIS", "ポート"),
        1,
        1,
        family="山田",
    ),
    Case(
        "charset-iso2022-jp.hl7",
        "ASCII and JIS X 0208 switched by escape sequences",
        kanji("A1", "iso2022_jp", "山田^太郎", "~ISO IR87"),
        1,
        1,
        charset_flags={"switched": 1},
        family="山田",
    ),
    Case(
        "charset-gb18030-trail-bytes.hl7",
        "second bytes 0x5C, 0x7C, 0x7E, and four-byte characters",
        kanji("A1", "gb18030", "誠^亅乗乿 㐀", "GB 18030-2000"),
        1,
        1,
        family="誠",
    ),
    Case(
        "charset-big5-trail-bytes.hl7",
        "second bytes 0x5C and 0x7C",
        kanji("A1", "big5hkscs", "許^功蓋育", "BIG-5"),
        1,
        1,
        family="許",
    ),
    Case(
        "charset-korean.hl7",
        "KS X 1001",
        kanji("A1", "euc_kr", "김^민준", "KS X 1001"),
        1,
        1,
        family="김",
    ),
    Case(
        "charset-switch-escapes.hl7",
        r"\C2842\ and \M242A\ ask for other sets: kept, flagged",
        message("A1", person("A1", "Yamada\\C2842\\^Taro\\M242A41\\")),
        1,
        1,
        charset_flags={"switched": 1},
        family="Yamada\\C2842\\",
    ),
]

SHAPES = [
    Case(
        "shape-truncation-character.hl7",
        "# as fifth encoding character (v2.7)",
        message("A1", person("A1", "Quillon^Vera\\P\\")).replace(b"^~\\&|", b"^~\\&#|", 1),
        1,
        1,
    ),
    Case(
        "shape-msh2-short.hl7",
        "MSH-2 names two separators only",
        message("A1").replace(b"|^~\\&|", b"|^~|", 1),
        1,
        1,
    ),
    Case(
        "shape-msh2-empty.hl7", "MSH-2 is empty", message("A1").replace(b"|^~\\&|", b"||", 1), 1, 1
    ),
    Case(
        "shape-msh2-garbage.hl7",
        "MSH-2 is a word",
        message("A1").replace(b"|^~\\&|", b"|oak|", 1),
        1,
        0,
        0,
        {"bad_separators": 1},
    ),
    Case(
        "shape-msh-alone.hl7", "MSH and nothing else", b"MSH|^~\\&\r", 1, 0, 0, {"missing_msh9": 1}
    ),
    Case(
        "shape-no-type.hl7",
        "MSH-9 is empty",
        message("A1").replace(b"ADT^A08", b""),
        1,
        0,
        0,
        {"missing_msh9": 1},
    ),
    Case(
        "shape-no-control-id.hl7",
        "MSH-10 is empty: two messages, no key",
        message("").replace(b"PID|1||^", b"PID|1||A1^")
        + message("").replace(b"PID|1||^", b"PID|1||A2^"),
        2,
        2,
    ),
    Case(
        "shape-z-segments.hl7",
        "Z-segments with repeats, one before PID, one unknown to all",
        message("A1", "ZFT|1|a~b|x&y^z", person("A1"), "ZZZ", "ZPI|1||\\F\\"),
        1,
        1,
    ),
    Case(
        "shape-escapes.hl7",
        "all escapes, an unknown one, one that never ends",
        message("A1", person("A1", "A\\F\\B\\S\\C\\T\\D\\R\\E\\E\\F\\X0D0A\\\\Zoak\\ \\.br\\ \\F")),
        1,
        1,
    ),
    Case(
        "shape-explicit-null.hl7",
        '"" deletes, an empty field does not',
        message("A1", 'PID|1||A1^^^OAK^MR||""^Vera||""|'),
        1,
        1,
    ),
    Case(
        "shape-key-reused.hl7",
        "one MSH-10 for two contents: both kept",
        m("A1") + message("A1", person("A7")),
        2,
        2,
    ),
    Case(
        "shape-sequence-gap.hl7",
        "MSH-13 counts 1, 2, 5",
        b"".join(message(f"A{n}", seq=str(n)) for n in (1, 2, 5)),
        3,
        3,
    ),
    Case(
        "shape-test-message.hl7",
        "MSH-11 is T where only P is accepted",
        m("A1") + m("A2").replace(b"|P|2.5.1", b"|T|2.5.1"),
        2,
        1,
        0,
        {"non_production": 1},
        {},
        {"accepted_processing_ids": "P"},
    ),
    Case(
        "shape-foreign-sender.hl7",
        "MSH-3 and MSH-4 of another interface",
        m("A1") + m("A2").replace(b"|OAKADT|", b"|ELMLAB|"),
        2,
        1,
        0,
        {"sender_not_accepted": 1},
        {},
        {"accepted_senders": "OAKADT^OAKFIELD"},
    ),
    Case(
        "shape-foreign-receiver.hl7",
        "MSH-5 and MSH-6 of another place",
        m("A1") + m("A2").replace(b"|LAKEWARD|", b"|ELMLAB|"),
        2,
        1,
        0,
        {"receiver_not_accepted": 1},
        {},
        {"accepted_receivers": "LAKEWARD"},
    ),
    Case(
        "shape-a08-flood.hl7",
        "nothing changes but MSH-7, MSH-10 and EVN-2",
        b"".join(
            message(f"A{n}", f"EVN||2026031012000{n}", person("A1"), at=f"2026031012000{n}")
            for n in range(5)
        ),
        5,
        5,
        repeats=4,
    ),
]


def adt(number: int, trigger: str, at: str, *segments: str, occurred: str = "") -> bytes:
    """Write an ADT message with its event time."""
    event = f"EVN||{at}||||{occurred or at}"
    return message(f"M{number:03}", event, *segments, kind=f"ADT^{trigger}", at=at)


P1, P2, P3, P4 = (person(f"70{n}", f"Tarn^P{n}") for n in range(1, 5))
MEANING = [
    Case(
        "meaning-merge-chain.hl7",
        "701 into 702, 702 into 703, and news for the retired between",
        adt(1, "A01", "20260310080000", P1, visit("V1"))
        + adt(2, "A40", "20260310090000", person("702", "Tarn^P2", "701"))
        + adt(3, "A08", "20260310091000", P1, visit("V1"))
        + adt(4, "A01", "20260310092000", P4, visit("V4", "4W^402^A"))
        + adt(5, "A40", "20260310093000", person("703", "Tarn^P3", "702"))
        + adt(6, "A02", "20260310094000", P1, visit("V1", "5E^501^B", "4W^401^A"))
        + adt(7, "A03", "20260310100000", P3, visit("V1", "5E^501^B")),
        7,
        7,
    ),
    Case(
        "meaning-merge-interleaved.hl7",
        "two merges that cross: 701 into 702, 703 into 704, all news",
        adt(1, "A40", "20260310090000", person("702", "Tarn^P2", "701"))
        + adt(2, "A40", "20260310090001", person("704", "Tarn^P4", "703"))
        + adt(3, "A04", "20260310090002", P3, visit("V3"))
        + adt(4, "A04", "20260310090003", P1, visit("V1")),
        4,
        4,
    ),
    Case(
        "meaning-merge-back.hl7",
        "701 into 702, then 702 into 701",
        adt(1, "A40", "20260310090000", person("702", "Tarn^P2", "701"))
        + adt(2, "A40", "20260310093000", person("701", "Tarn^P1", "702")),
        2,
        2,
    ),
    Case(
        "meaning-merge-first.hl7",
        "the merge comes before anything was heard of either",
        adt(1, "A40", "20260310090000", person("702", "Tarn^P2", "701"))
        + adt(2, "A01", "20260310080000", P1, visit("V1")),
        2,
        2,
    ),
    Case(
        "meaning-moves-out-of-order.hl7",
        "the second move comes before the first, the stay last",
        adt(3, "A02", "20260310110000", P1, visit("V1", "6N^601^A", "5E^501^B"))
        + adt(2, "A02", "20260310100000", P1, visit("V1", "5E^501^B", "4W^401^A"))
        + adt(1, "A01", "20260310080000", P1, visit("V1")),
        3,
        3,
    ),
    Case(
        "meaning-moves-cancelled.hl7",
        "a move and a discharge, both cancelled",
        adt(1, "A01", "20260310080000", P1, visit("V1"))
        + adt(2, "A02", "20260310090000", P1, visit("V1", "5E^501^B", "4W^401^A"))
        + adt(3, "A12", "20260310091500", P1, visit("V1"), occurred="20260310090000")
        + adt(4, "A03", "20260310120000", P1, visit("V1"))
        + adt(5, "A13", "20260310121500", P1, visit("V1"), occurred="20260310120000"),
        5,
        5,
    ),
    Case(
        "meaning-cancel-before-event.hl7",
        "the cancel comes first, what it cancels later",
        adt(2, "A11", "20260310081500", P1, visit("V1"), occurred="20260310080000")
        + adt(1, "A01", "20260310080000", P1, visit("V1")),
        2,
        2,
    ),
    Case(
        "meaning-cancel-without-event.hl7",
        "a cancel of what never came",
        adt(1, "A12", "20260310081500", P1, visit("V1")),
        1,
        1,
    ),
    Case(
        "meaning-swap.hl7",
        "two patients change beds in one message",
        adt(1, "A01", "20260310080000", P1, visit("V1"))
        + adt(2, "A01", "20260310080500", P2, visit("V2", "4W^402^A"))
        + adt(
            3,
            "A17",
            "20260310090000",
            P1,
            visit("V1", "4W^402^A", "4W^401^A"),
            P2,
            visit("V2", "4W^401^A", "4W^402^A"),
        ),
        3,
        3,
    ),
    Case(
        "meaning-two-in-a-bed.hl7",
        "two patients in one bed, no move between",
        adt(1, "A01", "20260310080000", P1, visit("V1"))
        + adt(2, "A01", "20260310090000", P2, visit("V2")),
        2,
        2,
    ),
    Case(
        "meaning-dst-gap.hl7",
        "02:30 on the night when it does not exist (New York, 8 March 2026)",
        adt(1, "A01", "20260308013000", P1, visit("V1"))
        + adt(2, "A02", "20260308023000", P1, visit("V1", "5E^501^B", "4W^401^A"))
        + adt(3, "A03", "20260308033000", P1, visit("V1", "5E^501^B")),
        3,
        3,
    ),
    Case(
        "meaning-dst-overlap.hl7",
        "01:30 twice (New York, 1 November 2026), with offset and without",
        adt(1, "A01", "20261101013000", P1, visit("V1"))
        + adt(2, "A02", "20261101013000-0400", P1, visit("V1", "5E^501^B", "4W^401^A"))
        + adt(3, "A02", "20261101013000-0500", P1, visit("V1", "6N^601^A", "5E^501^B"))
        + adt(4, "A03", "20261101023000", P1, visit("V1", "6N^601^A")),
        4,
        4,
    ),
    Case(
        "meaning-dates-only.hl7",
        "times that are dates stay dates",
        adt(1, "A01", "20260310", P1, visit("V1")) + adt(2, "A03", "202603", P1, visit("V1")),
        2,
        2,
    ),
    Case(
        "meaning-impossible-times.hl7",
        "30 February, hour 25, and a word",
        adt(1, "A01", "20260230080000", P1, visit("V1"))
        + adt(2, "A02", "20260310250000", P1, visit("V1"))
        + adt(3, "A03", "yesterday", P1, visit("V1")),
        3,
        3,
    ),
    Case(
        "meaning-discharge-by-a08.hl7",
        "an A08 that carries a discharge time: no A03 ever came",
        adt(1, "A01", "20260310080000", P1, visit("V1"))
        + adt(2, "A08", "20260310130000", P1, visit("V1") + "|" * 26 + "20260310123000"),
        2,
        2,
    ),
]

CASES = [*COUNTS, *ENVELOPES, *FRAMING, *CHARSETS, *SHAPES, *MEANING]


def entry(case: Case) -> dict[str, object]:
    """Describe a case as it stands in the manifest."""
    return {
        "file": case.name,
        "shows": case.shows,
        "bytes": len(case.content),
        "found": case.found,
        "stored": case.stored,
        "duplicate": case.duplicate,
        "quarantined": sum(case.reasons.values()),
        "reasons": case.reasons,
        "warnings": case.warnings,
        "charset_flags": case.charset_flags,
        "family": case.family,
        "repeats": case.repeats,
        "rules": case.rules,
    }


def main() -> None:
    """Write the files and the manifest; files that no case names are removed."""
    twice = [name for name, n in Counter(case.name for case in CASES).items() if n > 1]
    assert not twice, twice
    files = HERE / "files"
    files.mkdir(exist_ok=True)
    for old in files.iterdir():
        old.unlink()
    for case in CASES:
        (files / case.name).write_bytes(case.content)
    text = json.dumps([entry(case) for case in CASES], indent=1, ensure_ascii=False)
    (HERE / "MANIFEST.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""Mutated HL7 v2 files by the thousand: none may crash, hang or lose a message.

    .venv/bin/python tests/fuzz/fuzz_hl7v2.py --files 100000

Each file is a file of the hostile corpus with one to six mutations, made from its number and the
seed alone. What must hold is in `check`; every chunk of files is loaded into a lake of its own too.
A fault is printed with its number; `--only NUMBER` makes that file again and shows the traceback.
"""

import argparse
import gzip
import json
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from unittest.mock import patch

from lakeward.core.paths import Home
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.framing import line_marks
from lakeward.hl7v2.framing.batch import FileLayout, read_blocks, scan
from lakeward.hl7v2.framing.streams import open_file
from lakeward.hl7v2.inspect import open_inspection
from lakeward.hl7v2.raw.load import load
from lakeward.lake.tables import Lake
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, load_inventory

CORPUS = Path(__file__).resolve().parents[1] / "golden" / "hl7v2" / "hostile" / "files"
CHUNK = 500
SECONDS = 20
"""How long one file may take before it counts as hanging."""
TOKENS = [
    b"MSH|^~\\&|", b"FHS|^~\\&|", b"BHS|^~\\&|", b"BTS|", b"FTS|1", b"BTS|2\r",
    b"PID|1||7^^^OAK^MR",
    b"\r", b"\n", b"\r\n", b"\x0b", b"\x1c", b"\x1c\r", b"\x00", b"\x1a", b"\x1b$B", b"\x1b(B",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff", b"\x81", b"\xc3", b"|", b"^", b"~",
    b"\\", b"&",
    b"\\X", b"\\F\\", b"\\C2842\\", b'""', b" ", b"99999999999999999999", b"-1",
    b"|8859/1", b"\x1f\x8b",
    b"UNICODE UTF-8", b"ADT^A01", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0c",
]  # fmt: skip


class Hang(BaseException):
    """A file took too long."""


def seeds() -> list[bytes]:
    """Read the files to mutate."""
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def mutate(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Change a file in one to six ways."""
    for _ in range(chance.randint(1, 6)):
        content = chance.choice(MUTATIONS)(content, chance, others)[: 1 << 18]
    return content


def _at(content: bytes, chance: random.Random) -> int:
    return chance.randint(0, len(content))


def _flip(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    flipped = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        if flipped:
            flipped[chance.randrange(len(flipped))] = chance.randrange(256)
    return bytes(flipped)


def _insert(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    at = _at(content, chance)
    return content[:at] + chance.choice(TOKENS) * chance.choice([1, 1, 1, 2, 70]) + content[at:]


def _insert_at_line(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    ends = [i + 1 for i, byte in enumerate(content) if byte in b"\r\n"] or [0]
    at = chance.choice(ends)
    return content[:at] + chance.choice(TOKENS) + content[at:]


def _delete(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    at = _at(content, chance)
    return content[:at] + content[at + chance.choice([1, 2, 5, 40, 400]) :]


def _repeat(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    start, end = sorted((_at(content, chance), _at(content, chance)))
    return content[:end] + content[start:end] * chance.choice([1, 1, 3]) + content[end:]


def _cut(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    return content[: _at(content, chance)]


def _splice(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    other = chance.choice(others)
    return content[: _at(content, chance)] + other[_at(other, chance) :]


def _shuffle(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    lines = content.split(b"\r")
    chance.shuffle(lines)
    return b"\r".join(lines)


def _ends(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    old, new = chance.sample([b"\r", b"\n", b"\r\n", b"\x1c", b"|"], 2)
    return content.replace(old, new, chance.choice([-1, 1, 3]))


def _wide(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    encoding = chance.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    return content.decode("latin-1").encode(encoding)


def _pack(content: bytes, chance: random.Random, _others: list[bytes]) -> bytes:
    return gzip.compress(content, 1, mtime=0)


MUTATIONS = [
    *[_flip, _insert, _delete, _splice] * 4, *[_insert_at_line] * 6,
    _repeat, _repeat, _cut, _shuffle, _ends, _ends, _wide, _pack,
]  # fmt: skip


def check(path: Path, source: Source) -> tuple[int, int]:
    """Check what must hold of any file; count its records and how many of them are rejected.

    Raises:
        AssertionError: A message is lost or counted twice.
    """
    layout = scan(path)
    inspection = open_inspection(path, source)
    messages, counts = list(inspection.messages()), inspection.counts()
    rejected = counts["quarantined"]
    assert counts["found"] == layout.found == len(messages)
    assert layout.found == counts["stored"] + counts["duplicate"] + rejected
    assert all((m["status"] == "quarantined") == bool(m["reason"]) for m in messages)
    assert all(m["charset"] for m in messages if not m["reason"])
    json.dumps([inspection.head(), messages])
    if layout.problem is None:
        _covers(path, layout)
    _same_in_small_pieces(path, layout)
    return layout.found, rejected


def _covers(path: Path, layout: FileLayout) -> None:
    """Every byte that is neither blank nor of an envelope line is in exactly one record."""
    with open_file(path) as file:
        whole = file.read()
    rest, end = bytearray(whole), 0
    spans = zip(layout.starts.tolist(), layout.ends.tolist(), strict=True)
    records = [record for block in read_blocks(path, layout) for record in block.records]
    assert len(records) == layout.found
    for (start, stop), record in zip(spans, records, strict=True):
        assert end <= start < stop <= len(whole)
        assert whole[start:stop].startswith(record)
        assert not whole[start + len(record) : stop].translate(
            None, b"\r\n\x0b\x1c\x00\x1a\xef\xbb\xbf"
        )
        rest[start:stop] = b"\r" * (stop - start)
        end = stop
    for mark in (b"\n", b"\x0b", b"\x1c"):
        rest = rest.replace(mark, b"\r")
    for line in rest.split(b"\r"):
        text = line.replace(b"\xef\xbb\xbf", b"").strip(bytes(range(0x21)))
        assert not text or text[:3] in (b"FHS", b"BHS", b"BTS", b"FTS"), "a byte is in no record"


def _same_in_small_pieces(path: Path, layout: FileLayout) -> None:
    with patch.object(line_marks, "PIECE", 700), patch.object(line_marks, "LOOKAHEAD", 1024):
        small = scan(path)
    assert small.starts.tolist() == layout.starts.tolist()
    assert small.ends.tolist() == layout.ends.tolist()
    assert (small.batches, small.files, small.problem) == (
        layout.batches,
        layout.files,
        layout.problem,
    )


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise `Hang` in what takes longer."""

    def ring(_number: int, _frame: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def make(number: int, seed: int, others: list[bytes]) -> bytes:
    """Make file `number` of a run."""
    chance = random.Random(f"{seed}/{number}")
    return mutate(chance.choice(others), chance, others)


def run_chunk(first: int, last: int, seed: int) -> tuple[int, int, int, list[str]]:
    """Make, check and load some files; count files, records and rejects, and list the faults."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-hl7v2-"))
    source, others = load_inventory(Home(folder)).source("adt_hl7"), seeds()
    records = rejected = 0
    faults, files = [], []
    try:
        for number in range(first, last):
            path = folder / f"{number}.hl7"
            path.write_bytes(make(number, seed, others))
            files.append(_entry(path, number - first + 1))
            try:
                with deadline(SECONDS):
                    found, bad = check(path, source)
                records, rejected = records + found, rejected + bad
            except (Exception, Hang) as fault:
                faults.append(f"{number}: {type(fault).__name__} {fault}")
        faults += _load_chunk(folder, source, files, first)
    finally:
        shutil.rmtree(folder)
    return last - first, records, rejected, faults


def _load_chunk(folder: Path, source: Source, files: list[LedgerFile], first: int) -> list[str]:
    lake = Lake(folder / "lake")
    try:
        with deadline(SECONDS * 10):
            counts = load(lake, folder, source, files)
            flatten(lake)
    except (Exception, Hang) as fault:
        return [f"chunk at {first}: {type(fault).__name__} {fault}"]
    return [
        f"{first + c.received - 1}: does not add up when loaded"
        for c in counts
        if c.found != c.stored + c.duplicate + c.quarantined
        or min(vars(c)["stored"], c.duplicate) < 0
    ]


def _entry(path: Path, received: int) -> LedgerFile:
    size = path.stat().st_size
    return LedgerFile("adt_hl7", received, date(2026, 3, 10), path.name, "", size, None)


def say(what: object) -> None:
    """Print one line at once."""
    print(what, flush=True)  # noqa: T201  a script for people


def only(number: int, seed: int) -> None:
    """Make one file again and let its fault show."""
    path = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{number}.hl7"
    path.write_bytes(make(number, seed, seeds()))
    say(path)
    source = load_inventory(Home(path.parent)).source("adt_hl7")
    try:
        say(check(path, source))
    except AssertionError:
        traceback.print_exc()


def main() -> int:
    """Run as many files as asked, or for as long; exit 1 when there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="stop after this time")
    parser.add_argument("--only", type=int, help="make one file again and check it")
    args = parser.parse_args()
    if args.only is not None:
        only(args.only, args.seed)
        return 0
    started, totals, faults = time.monotonic(), [0, 0, 0], []
    chunks = [(n, min(n + CHUNK, args.files)) for n in range(0, args.files, CHUNK)]
    with ProcessPoolExecutor(args.processes) as pool:
        waiting = {pool.submit(run_chunk, *chunk, args.seed) for chunk in chunks}
        for done in as_completed(waiting):
            if done.cancelled():
                continue
            *numbers, found = done.result()
            totals = [a + b for a, b in zip(totals, numbers, strict=True)]
            faults += found
            for fault in found:
                say(fault)
            if args.seconds and time.monotonic() - started > args.seconds:
                for rest in waiting:
                    rest.cancel()
    files, records, rejected = totals
    say(f"{files} files, {records} records, {rejected} rejected, {len(faults)} faults,"
          f" seed {args.seed}, {time.monotonic() - started:.0f} s")  # fmt: skip
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""HL7 v2 batch files to raw and all segment tables: speed, memory and growth, beside two libraries.

The messages are the simulator's, repeated with fresh control, patient, visit and order ids. Each
message about a patient gets the segments that admission feeds carry besides (next of kin,
guarantor, insurance, allergy, note), which makes it 1.1 KB long on average; `narrow` goes without.
The libraries parse a sample of the same messages and pick the fields of the segment tables; they
write nothing.
"""

import argparse
import contextlib
import re
import shutil
import sys
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

import measure

DAY = date(2026, 1, 5)
FEEDS = ("adt_hl7", "scheduling_hl7", "orders_hl7")
PARTS = (4, 1)
"""A quarter of the messages and the whole: what four times as much costs."""

_IDS = re.compile(
    rb"(?<=LKWD(?:ADT|SCH|EHR))0(?=\d{8}\|)|(?<=\|)4(?=\d{5}\^\^\^LKWD\^MR)"
    rb"|(?<=\|V)7(?=\d{5}\^\^\^LKWD\^VN)|(?<=\|OR)5(?=\d{5}\^LKWD)"
)
_WIDE = (
    b"NK1|1|Kowalski^Ana^^^^^L|SPO^Spouse^HL70063|12 North Pier^^Lakeward^NY^14899^USA^H|"
    b"+1716555%(number)04d^PRN^PH||C^Emergency contact^HL70131\r"
    b"GT1|1|G10%(number)04d^^^LKWD|Kowalski^Ana^^^^^L||12 North Pier^^Lakeward^NY^14899^USA^H|"
    b"+1716555%(number)04d^PRN^PH||19701231|F||SEL^Self^HL70063\r"
    b"IN1|1|PPO1^Preferred provider^LKWD|INS042^^^LKWD|Harbor Mutual|PO Box 100^^Albany^NY^12201|"
    b"|+15185550100|GRP-%(number)04d|Harbor staff|||20250101|20261231||PPO|"
    b"Kowalski^Ana|SEL^Self|19701231\r"
    b"AL1|1|DA^Drug allergy^HL70127|7980^Penicillin^RXNORM|MO^Moderate^HL70128|Rash|20190412\r"
    b"NTE|1|P|Interpreter asked for at every visit; daughter drives and waits outside\r"
)


def main() -> None:
    """Make the messages, run everything and write the section of docs/performance.md."""
    arguments = _arguments()
    if arguments.child:
        _CHILDREN[arguments.child](*arguments.rest)
        return
    with tempfile.TemporaryDirectory(prefix="bench_hl7v2_") as folder:
        _run(Path(folder), arguments.messages, arguments.runs, arguments.sample)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sample", type=int, default=4_000, help="messages for the libraries")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(folder: Path, messages: int, runs: int, sample: int) -> None:
    source = folder / "simulated"
    _simulate(source)
    counts = {f"lakeward {messages // part:,}": messages // part for part in PARTS}
    for count in counts.values():
        _repeat(source, folder / str(count), count)
    narrow, few = messages // 4, max(sample // 40, 1)
    _repeat(source, folder / "narrow", narrow, wide=False)
    _sample(source, folder / "sample.hl7", sample)
    _sample(source, folder / "few.hl7", few)
    lake = folder / "lake"
    fresh = partial(shutil.rmtree, lake, ignore_errors=True)
    cases = [
        measure.Case(name, (__file__, "--child", "ours", str(folder / str(n)), str(lake)), fresh)
        for name, n in counts.items()
    ]
    names = ("lakeward, narrow messages", "python-hl7", "hl7apy")
    cases += [
        measure.Case(
            names[0], (__file__, "--child", "ours", str(folder / "narrow"), str(lake)), fresh
        ),
        measure.Case(names[1], (__file__, "--child", "python-hl7", str(folder / "sample.hl7"))),
        measure.Case(names[2], (__file__, "--child", "hl7apy", str(folder / "few.hl7"))),
    ]
    medians = measure.side_by_side(cases, runs)
    counts |= dict(zip(names, (narrow, sample, few), strict=True))
    sizes = {name: _megabytes(folder / str(n)) for name, n in list(counts.items())[: len(PARTS)]}
    sizes[names[0]] = _megabytes(folder / "narrow")
    sizes[names[1]] = (folder / "sample.hl7").stat().st_size / 1e6
    sizes[names[2]] = (folder / "few.hl7").stat().st_size / 1e6
    command = f"python benchmarks/bench_hl7v2.py --messages {messages} --runs {runs}"
    measure.write_section("hl7v2", _section(command, counts, sizes, medians))


def _section(
    command: str,
    counts: dict[str, int],
    sizes: dict[str, float],
    medians: dict[str, measure.Usage],
) -> str:
    rates = {name: counts[name] / used.cpu for name, used in medians.items()}
    rows = [
        [
            name,
            f"{counts[name]:,}",
            f"{1e6 * sizes[name] / counts[name]:,.0f}",
            used.cpu,
            f"{rates[name]:,.0f}",
            f"{used.peak_mb:.0f}",
        ]
        for name, used in medians.items()
    ]
    head = ("what", "messages", "bytes each", "CPU-s", "messages per CPU-s", "peak MB")
    whole = list(rates)[len(PARTS) - 1]
    times = {name: rates[whole] / rates[name] for name in ("python-hl7", "hl7apy")}
    return "\n\n".join(
        (
            "## HL7 v2: file to raw and all segment tables",
            measure.setting(command, ("duckdb", "deltalake", "pyarrow", "numpy", "hl7", "hl7apy")),
            "Whole processes, medians; the start of Python and of the libraries included. Lakeward"
            " reads the files, reconciles, decodes, stores the messages and writes every segment"
            " table as Delta; the libraries parse messages that are in memory and pick the"
            " fields of the same tables, first repeats only. The messages are the simulator's with"
            " the segments that admission feeds carry besides (NK1, GT1, IN1, AL1, NTE), the narrow"
            " ones without.",
            measure.table(head, rows),
            f"{times['python-hl7']:.0f} times python-hl7, {times['hl7apy']:.0f} times hl7apy.",
        )
    )


def _simulate(folder: Path) -> None:
    from lakeward.simulator.simulation import simulate

    simulate(folder, patients=2000, days=3, start=DAY, seed=7)


def _feed(source: Path, feed: str, *, wide: bool = True) -> list[bytes]:
    files = sorted((source / "landing" / feed).rglob("*.hl7"))
    texts = (re.split(rb"\rBTS\|", file.read_bytes())[0] + b"\r" for file in files)
    messages = [b"MSH|" + message for text in texts for message in text.split(b"MSH|")[1:]]
    if not wide:
        return messages
    return [m + _wide(n) if b"\rPID|" in m else m for n, m in enumerate(messages)]


def _wide(number: int) -> bytes:
    return _WIDE % {b"number": number % 10_000}


def _repeat(source: Path, folder: Path, count: int, *, wide: bool = True) -> None:
    """Write `count` messages, one batch file a feed, in the shares that the feeds have."""
    feeds = {feed: _feed(source, feed, wide=wide) for feed in FEEDS}
    total = sum(map(len, feeds.values()))
    for feed, messages in feeds.items():
        wanted = round(count * len(messages) / total)
        path = folder / feed / f"{DAY}" / "batch.hl7"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            file.write(b"FHS|^~\\&|BENCH\rBHS|^~\\&|BENCH\r")
            for number, start in enumerate(range(0, wanted, len(messages))):
                prefix = b"%d" % (1000 + number)
                part = b"".join(messages[: wanted - start])
                file.write(_IDS.sub(lambda match, p=prefix: p + match.group(), part))
            file.write(b"BTS|%d\rFTS|1\r" % wanted)


def _sample(source: Path, path: Path, count: int) -> None:
    """Write some messages of every feed, evenly drawn."""
    messages = [message for feed in FEEDS for message in _feed(source, feed)]
    path.write_bytes(b"".join(messages[:: max(len(messages) // count, 1)][:count]))


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.hl7")) / 1e6


def _ours(landing: str, lake: str) -> None:
    from lakeward.core.paths import Home
    from lakeward.hl7v2.flat.flatten import flatten
    from lakeward.hl7v2.raw.load import load
    from lakeward.lake.tables import Lake
    from lakeward.landing.ledger import LedgerFile
    from lakeward.landing.sources import load_inventory

    root, into = Path(landing), Lake(Path(lake))
    inventory = load_inventory(Home(root))
    for feed in FEEDS:
        path = root / feed / f"{DAY}" / "batch.hl7"
        name = path.relative_to(root).as_posix()
        file = LedgerFile(feed, 1, DAY, name, "", path.stat().st_size)
        (count,) = load(into, root, inventory.source(feed), [file])
        if count.quarantined or count.found != count.stored + count.duplicate:
            raise SystemExit(f"{feed}: the counts do not add up")
    flatten(into)


def _messages(path: str) -> list[str]:
    text = Path(path).read_bytes().decode("utf-8")  # text mode would turn CR into LF
    return ["MSH|" + message for message in text.split("MSH|")[1:]]


def _places() -> dict[str, list[tuple[int, int, int]]]:
    """List what the segment tables hold, as (field, component, subcomponent), by segment."""
    from lakeward.hl7v2.parsing.segments import packaged_specs

    return {
        spec.segment: [(each.field, each.component, each.subcomponent or 1) for each in spec.leaves]
        for spec in packaged_specs()
    }


def _python_hl7(path: str) -> None:
    import hl7

    places = _places()
    for text in _messages(path):
        message = hl7.parse(text)
        for segment in message:
            name = str(segment[0])
            for field, component, subcomponent in places.get(name, ()):
                if field < len(segment):
                    with contextlib.suppress(IndexError):  # a place that is not there
                        message.extract_field(name, 1, field, 1, component, subcomponent)


def _hl7apy(path: str) -> None:
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.parser import parse_message

    places = _places()
    for text in _messages(path):
        message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
        for segment in message.children:
            held = {field.name: field for field in segment.children}
            for number, _, _ in places.get(segment.name, ()):
                field = held.get(f"{segment.name}_{number}")
                if field is not None:
                    field.to_er7()


_CHILDREN = {"ours": _ours, "python-hl7": _python_hl7, "hl7apy": _hl7apy}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()

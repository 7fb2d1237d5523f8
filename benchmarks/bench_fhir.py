"""FHIR in: what raw and flat cost beside a floor, a Python loop and a validator.

Writes its section of `docs/performance.md`. Data is made once and kept in a temporary folder.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from fhir_work import clear
from measure import Case, Usage, setting, side_by_side, table, usage_of, write_section

WORK = str(Path(__file__).with_name("fhir_work.py"))
PACKAGES = ("duckdb", "deltalake", "pyarrow", "orjson", "fhir.resources")
FLOOR, RAW, FLAT = "(a) floor: bare lines to Parquet", "raw", "raw and flat"
LOOP, VALIDATE = "(b) orjson loop, raw and flat", "(c) fhir.resources, validation alone, scaled"
SAMPLE = 20
SLOW_RUNS = 1
"""Runs of the loop: on a gigabyte it takes minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    bench = _Bench(Path(tempfile.gettempdir()) / "lakeward-bench-fhir")
    whole = bench.data(options.megabytes)
    medians = side_by_side(
        [
            bench.case(FLOOR, "floor", whole),
            bench.case(RAW, "raw", whole),
            bench.case(FLAT, "raw_and_flat", whole),
        ],
        options.runs,
    )
    medians |= side_by_side([bench.case(LOOP, "loop", whole)], SLOW_RUNS)
    sample = bench.data(max(1, options.megabytes // SAMPLE))
    validated = side_by_side([bench.case(VALIDATE, "validate", sample)], options.runs)[VALIDATE]
    scale = _size(whole) / _size(sample)
    medians[VALIDATE] = Usage(validated.cpu * scale, validated.peak_mb, validated.wall * scale)
    text = "\n\n".join(
        [
            "## FHIR in",
            setting(f"python benchmarks/bench_fhir.py --megabytes {options.megabytes} "
                    f"--runs {options.runs}", PACKAGES),
            _NOTE.format(megabytes=_size(whole) / 1e6, scale=scale, slow=SLOW_RUNS),
            _compared(medians),
            _ratios(medians),
            "### Raw and flat against size",
            _FIXED,
            _growth(bench, options.megabytes, medians[FLAT]),
            "### One file of twice the size, and a landed day again",
            _single(bench, whole, options.megabytes),
        ]
    )  # fmt: skip
    write_section("fhir", text)


_NOTE = """Medians over {megabytes:,.0f} MB of NDJSON of mixed types from the simulator, each run a
process of its own, start of Python included. *raw* is what a night does: ledger, hashes, envelopes,
duplicates, shape against FHIR R4, `raw_fhir__resource` and quarantine. *(b)* parses each line with
orjson, makes the same raw columns and the same rows of the same views with closures compiled from
the ViewDefinitions, and writes them with `write_deltalake`; it checks no shape, keeps no ledger and
survives no kill; it is run {slow} time. *(c)* parses each line with `json`, builds and validates
the R4B model of its type, and does nothing else; it is timed on a sample, scaled by {scale:.1f}."""


_FIXED = (
    "Small sizes show what a first night costs whatever the size:"
    " start, views compiled, tables made."
)


class _Bench:
    """Makes data and cases below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out = root / "out"

    def data(self, megabytes: int) -> Path:
        template, folder = self.root / "template", self.root / f"data-{megabytes}"
        if not template.exists():
            arguments = "simulate --patients 2000 --days 1 --start 2026-01-05 --seed 1 --out"
            command = ["-m", "lakeward.orchestration.cli.app", *arguments.split(), str(template)]
            usage_of(command)
        if not folder.exists():
            source = next((template / "landing" / "ehr_fhir").iterdir())
            usage_of([WORK, "generate", str(source), str(folder), str(megabytes)])
        return folder

    def arguments(self, work: str, data: Path) -> tuple[str, ...]:
        return (WORK, work, str(data), str(self.out))

    def case(self, name: str, work: str, data: Path) -> Case:
        return Case(name, self.arguments(work, data), lambda: clear(self.out))

    def once(self, work: str, data: Path) -> Usage:
        clear(self.out)
        return usage_of(self.arguments(work, data))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _compared(medians: dict[str, Usage]) -> str:
    floor = medians[FLOOR].cpu
    rows = [(n, u.cpu, u.cpu / floor, u.peak_mb, u.wall) for n, u in medians.items()]
    return table(("work", "CPU-seconds", "times floor", "peak MB", "seconds"), rows)


def _ratios(medians: dict[str, Usage]) -> str:
    loop, validated, flat = (medians[name].cpu for name in (LOOP, VALIDATE, FLAT))
    return (
        f"Raw and flat take {loop / flat:.1f} times fewer CPU-seconds than (b), and"
        f" {validated / flat:.1f} times fewer than (c); raw alone, which checks shapes as well,"
        f" {validated / medians[RAW].cpu:.1f} times fewer than (c)."
    )


def _growth(bench: _Bench, megabytes: int, whole: Usage) -> str:
    """Compare a quarter, a half and the whole."""
    rows = []
    for times in (1, 2, 4):
        data = bench.data(megabytes * times // 4)
        used = bench.once("raw_and_flat", data) if times < 4 else whole
        per_gb = used.cpu / (_size(data) / 1e9)
        rows.append((f"{times}x", _size(data) / 1e6, used.cpu, per_gb, used.peak_mb))
    return table(("size", "MB", "CPU-seconds", "CPU-seconds a GB", "peak MB"), rows)


def _single(bench: _Bench, whole: Path, megabytes: int) -> str:
    folder = bench.root / f"single-{2 * megabytes}"
    if not folder.exists():
        folder.mkdir()
        with (folder / "mixed.ndjson").open("wb") as stream:
            for file in sorted(bench.data(2 * megabytes).iterdir()):
                with file.open("rb") as part:
                    shutil.copyfileobj(part, stream, 1 << 24)
        shutil.rmtree(bench.data(2 * megabytes))
    single = bench.once("raw", folder)
    bench.once("raw_and_flat", whole)
    again = usage_of(bench.arguments("raw_and_flat", whole))
    rows = [
        (f"raw, one file of {_size(folder) / 1e6:,.0f} MB", single.cpu, single.peak_mb),
        ("raw and flat of a landed day, again", again.cpu, again.peak_mb),
    ]
    return table(("work", "CPU-seconds", "peak MB"), rows)


if __name__ == "__main__":
    main()

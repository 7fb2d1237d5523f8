"""Work in child processes: CPU-seconds, peak memory and time, and a page that says them.

What the work is belongs to the `bench_*` files. Each run is a process of its own, because peak
memory is a process's; alternatives are run in turn, so that a busy machine is busy for all.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


@dataclass(frozen=True)
class Usage:
    """What a process used: CPU-seconds of user and system, peak RSS in MB, seconds of wall time."""

    cpu: float
    peak_mb: float
    wall: float


@dataclass(frozen=True)
class Case:
    """One alternative: its name, the arguments of a Python process, and what to do before each."""

    name: str
    arguments: tuple[str, ...]
    before: Callable[[], object] = lambda: None


def usage_of(arguments: Sequence[str]) -> Usage:
    """Run a Python process to its end and return what it used; a failure ends the benchmark."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: ended with {process.returncode}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    wall = time.perf_counter() - started
    return Usage(used.ru_utime + used.ru_stime, used.ru_maxrss / unit, wall)


def side_by_side(cases: Sequence[Case], runs: int) -> dict[str, Usage]:
    """Run all cases in turn, several times; return each case's medians by its name."""
    seen: dict[str, list[Usage]] = {case.name: [] for case in cases}
    for number in range(runs):
        for case in cases:
            case.before()
            used = usage_of(case.arguments)
            seen[case.name].append(used)
            print(f"{number + 1}/{runs} {case.name}: {used.cpu:.1f} CPU-s, {used.peak_mb:.0f} MB")
    return {name: median(usages) for name, usages in seen.items()}


def median(usages: Sequence[Usage]) -> Usage:
    """Return the median of each figure by itself."""
    return Usage(
        *(
            statistics.median(getattr(u, name) for u in usages)
            for name in ("cpu", "peak_mb", "wall")
        )
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats show one digit, or two below ten."""
    lines = [head, ["---"] * len(head), *([_shown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)


def setting(command: str, packages: Sequence[str]) -> str:
    """Say what was run, when, on which machine and with which versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    machine = f"{_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB, {platform.system()}"
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"`{command}` on {date}, {machine}, Python {platform.python_version()}, {versions}."


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    )
    return next(names, platform.processor() or platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Replace what stands between a section's markers, or add the section at the end."""
    first, last = f"<!-- {name}: begin, written by make bench -->", f"<!-- {name}: end -->"
    old = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    section = f"{first}\n\n{text.strip()}\n\n{last}"
    if first in old:
        head, _, rest = old.partition(first)
        new = head + section + rest.partition(last)[2]
    else:
        new = f"{old.rstrip()}\n\n{section}\n"
    page.write_text(new, encoding="utf-8")


def ratios(medians: Mapping[str, Usage], base: str) -> dict[str, float]:
    """Return each case's CPU-seconds as a multiple of one case's."""
    return {name: used.cpu / medians[base].cpu for name, used in medians.items()}

"""Where things lie: the run-time home and the files that ship with the project.

No other module composes these paths by hand.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = Path(__file__).resolve().parents[3]


_REPLAY = re.compile(r"([^/]+)/[^/]+/replay/(\d{12})-(\d{4,})\.\w+")


@dataclass(frozen=True)
class Home:
    """The folders below `LAKEWARD_HOME`; only `root` is given, none is created here."""

    root: Path

    @property
    def landing(self) -> Path:
        """Files as delivered: `landing/<source>/<day>/…`; never changed."""
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        """Delta tables, one folder a table."""
        return self.root / "lake"

    @property
    def outbox(self) -> Path:
        """Worklists for consumers: `outbox/<consumer>/<day>/…` (PHI)."""
        return self.root / "outbox"

    @property
    def site(self) -> Path:
        """Reports for people: quality, Data Docs, catalogue (no PHI)."""
        return self.root / "site"

    @property
    def config(self) -> Path:
        """What a site sets of the seeds: `config/<seed>.csv`; no run writes there."""
        return self.root / "config"

    @property
    def work(self) -> Path:
        """Disposable run-time files: dbt target and catalogue, spill."""
        return self.root / "work"

    @property
    def dagster(self) -> Path:
        """`DAGSTER_HOME`: run and event storage of Dagster."""
        return self.root / "dagster"


def default_home() -> Path:
    """Return `data/` of the checkout, or `./data` when Lakeward is installed from a wheel."""
    return (_CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()) / "data"


def project_path(name: str) -> Path:
    """Find a folder that ships with the project: the checkout first, then the packaged copy."""
    checkout = _CHECKOUT / name
    return checkout if checkout.exists() else _PACKAGE / name


def replay_file(source: str, day: date, received: int, number: int, suffix: str) -> str:
    """Name the file, below landing, that brings records of an earlier file of a source again.

    It stands in the delivery of that file and carries its `received`, so that the records keep
    their place in the order of deliveries; `number` counts the replays of that file.
    """
    return f"{source}/{day.isoformat()}/replay/{received:012}-{number:04}{suffix}"


def replayed(file: str) -> tuple[str, int, int] | None:
    """Read source, `received` and number from the name of a replay file; None for any other."""
    found = _REPLAY.fullmatch(file)
    return (found[1], int(found[2]), int(found[3])) if found else None

"""A source that fails in a step costs itself; the next run loads what it lacks, exactly once."""

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg
import pytest

from lakeward.assets.source_checks import UP_TO_DATE
from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.source_failures import source_failures
from lakeward.orchestration.definitions import build_defs

DAY = date(2026, 3, 10)
MESSAGE = "MSH|^~\\&|A|F|||20260310||ADT^A01|{0}|P|2.5\rPID|1||{0}||Secretname\rNTE|1||{1}\r"


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let writes fail as on a disk that has no more room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def delivered(settings: Settings) -> Settings:
    """Deliver much from one source and little from another, in content that does not pack."""
    noise = random.Random(7)
    for source, count in (("adt_hl7", 400), ("scheduling_hl7", 2)):
        file = settings.home.root / f"{source}.hl7"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "".join(MESSAGE.format(n, noise.randbytes(8000).hex()) for n in range(count))
        )
        land(settings.home.landing, source, [file], DAY)
        landing = settings.home.landing
        register(Lake(settings.home.lake), landing, deliveries(landing, source, DAY))
    return settings


def load(settings: Settings) -> tuple[bool, list[str]]:
    """Run the step that loads; return whether it ended well and what its check names."""
    job = build_defs(settings).resolve_implicit_global_asset_job_def()
    names = ("raw_hl7v2__message", "hl7v2_batch", "hl7v2_repeat")
    result = job.execute_in_process(
        asset_selection=[dg.AssetKey(name) for name in names],
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )
    checks = [c for c in result.get_asset_check_evaluations() if c.check_name == UP_TO_DATE]
    assert all(not c.blocking for c in checks)
    return result.success, [c.description or "" for c in checks if not c.passed]


def stored(settings: Settings) -> dict[str, int]:
    with connect(Lake(settings.home.lake)) as connection:
        return dict(
            connection.execute(
                "select source, count(*) from raw_hl7v2__message group by all"
            ).fetchall()
        )


def test_a_full_disk_costs_the_source_that_needs_the_room(delivered: Settings) -> None:
    with no_file_larger_than(2 << 20):
        passed, named = load(delivered)
    assert passed
    assert len(named) == 1
    assert named[0].startswith("adt_hl7 (load, since ")
    assert "Secretname" not in named[0]
    assert stored(delivered) == {"scheduling_hl7": 2}
    assert [f.source for f in source_failures(Lake(delivered.home.lake))] == ["adt_hl7"]
    for _ in range(2):
        assert load(delivered) == (True, [])
        assert stored(delivered) == {"adt_hl7": 400, "scheduling_hl7": 2}
    assert source_failures(Lake(delivered.home.lake)) == []


def test_a_file_that_is_gone_costs_its_source(delivered: Settings) -> None:
    (file,) = (delivered.home.landing / "adt_hl7").rglob("*.hl7")
    content = file.read_bytes()
    file.unlink()
    passed, named = load(delivered)
    assert passed
    assert "no such file or directory" in named[0]
    assert stored(delivered) == {"scheduling_hl7": 2}
    file.write_bytes(content)
    assert load(delivered) == (True, [])
    assert stored(delivered) == {"adt_hl7": 400, "scheduling_hl7": 2}

"""What a person reads at the end of a run."""

from datetime import date

import dagster as dg
import pytest

from lakeward.core.settings import Settings
from lakeward.orchestration.nightly import Night, set_aside
from lakeward.orchestration.summary import SHOWN_WARNINGS, print_night

DAY = date(2026, 1, 5)


def test_a_night_that_passed_still_tells_what_was_wrong(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = Night(DAY, "nightly", "r", (), (), ("fhir__typo: view typo is wrong",))
    assert print_night(settings, warned) == 0
    assert "  warning: fhir__typo: view typo is wrong\n" in capsys.readouterr().out


def test_warnings_without_end_are_cut_and_counted(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    many = tuple(f"table_{n}: wrong" for n in range(SHOWN_WARNINGS + 3))
    print_night(settings, Night(DAY, "nightly", "r", (), (), many))
    out = capsys.readouterr().out
    assert out.count("warning: table_") == SHOWN_WARNINGS
    assert "3 more warning(s)" in out


@pytest.mark.parametrize(("counts", "told"), [((2, 3), "5 record(s)"), ((0,), "")])
def test_records_set_aside_are_told(counts: tuple[int, ...], told: str) -> None:
    def raw(name: str, count: int) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def _raw() -> dg.MaterializeResult[None]:
            return dg.MaterializeResult(metadata={"quarantined": count, "found": 9})

        return _raw

    assets = [raw(f"raw_{n}", count) for n, count in enumerate(counts)]
    events = dg.materialize(assets, instance=dg.DagsterInstance.ephemeral()).all_events
    assert told in "".join(set_aside(events))
    assert bool(set_aside(events)) is bool(told)

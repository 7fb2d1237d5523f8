"""What a person reads at the end of a run."""

from datetime import date

import dagster as dg
import pytest

from lakeward.core.settings import Settings
from lakeward.orchestration.cli.night_summary import SHOWN_WARNINGS, print_night
from lakeward.orchestration.nightly import Night, still_open

DAY = date(2026, 1, 5)


def test_a_night_that_passed_still_reports_warnings(
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


@pytest.mark.parametrize(("count", "line"), [(5, "5 record(s) open"), (0, "")])
def test_open_records_are_counted(count: int, line: str) -> None:
    @dg.asset
    def quarantine() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"open": count, "replayed": 9})

    @dg.asset
    def ledger() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"quarantined": 7})

    done = dg.materialize([quarantine, ledger], instance=dg.DagsterInstance.ephemeral())
    said = still_open(done.all_events)
    assert line in "".join(said)
    assert bool(said) is bool(line)

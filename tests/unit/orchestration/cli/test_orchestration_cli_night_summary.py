"""What a person reads at the end of a run."""

from datetime import date

import pytest

from lakeward.core.settings import Settings
from lakeward.orchestration.cli.night_summary import SHOWN_WARNINGS, print_night
from lakeward.orchestration.nightly import Night, StepFailure

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


def test_a_held_list_makes_the_exit_code_and_says_why(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    held = Night(DAY, "nightly", "r", (), (), held=("outbox__x: blocked: adt: no delivery",))
    assert not held.passed
    assert print_night(settings, held) == 1
    out = capsys.readouterr().out
    assert "  held: outbox__x: blocked: adt: no delivery\n" in out
    assert "remedy: have what is missing delivered" in out


def test_a_step_that_failed_is_the_environment_also_when_lists_are_held(
    settings: Settings,
) -> None:
    failures = (StepFailure("deliveries", "disk: no space left"),)
    assert print_night(settings, Night(DAY, "nightly", "r", failures, (), held=("x",))) == 2

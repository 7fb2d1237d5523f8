"""How a situation is checked, the same for every file of situations."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from situations import Situation, rows

from lakeward.core.settings import Settings
from lakeward.lake.released import open_released, select

COMMAND = Path(sys.executable).with_name("lakeward")


def check(name: str, situation: Situation, group_of: Callable, tmp_path: Path) -> None:
    """Assert that a situation comes out as it should."""
    settings, broken = group_of(name, situation)
    if situation.kind == "A":
        assert not broken
    if situation.shell:
        assert _output(settings, situation, tmp_path) == situation.want
    else:
        assert _found(settings, situation) == situation.want


def _found(settings: Settings, situation: Situation) -> list[list[str]]:
    with open_released(settings) as connection:
        found = select(connection, situation.check)
    return [["" if v is None else str(v) for v in row.values()] for row in found]


def _output(settings: Settings, situation: Situation, tmp_path: Path) -> list[list[str]]:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    if settings.home.root.exists():
        shutil.copytree(settings.home.root, home)
    variables = {
        "LAKEWARD": COMMAND,
        "LAKEWARD_HOME": home,
        "CASE_FILES": situation.inputs,
        "WORK": work,
    }
    env = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    run = subprocess.run(
        ["bash", "-c", situation.shell],
        env=env,
        cwd=work,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return rows(run.stdout)

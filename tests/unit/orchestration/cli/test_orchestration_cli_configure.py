"""The how-to "configure a site" is true: its commands run, and its error is ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lakeward.core.errors import SpecError
from lakeward.core.settings import Settings
from lakeward.lake.seed_overrides import overridable_seeds
from lakeward.landing.site_overrides import site_overrides
from lakeward.landing.sources import load_inventory

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "how-to" / "configure-a-site.md").read_text("utf-8")


def test_the_commands_of_the_how_to_run(settings: Settings, tmp_path: Path) -> None:
    commands = "".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
    environment = {
        **os.environ,
        "LAKEWARD_HOME": str(settings.home.root),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", commands],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert (
        "ok   overrides: rows of the home in code_map_bed_status (1), inference_rule (1),"
        " queue_type (1)\n"
    ) in done.stdout
    assert "Nothing changes: the list says what this home has already.\n" in done.stdout
    found = site_overrides(settings.home, load_inventory(settings.home))
    assert [override.seed for override in found] == [
        "code_map_bed_status",
        "inference_rule",
        "queue_type",
    ]


def test_the_error_of_the_how_to_is_what_a_site_reads(settings: Settings) -> None:
    shown = PAGE.split("```\nconfig/")[1].split("\n")[0]
    settings.home.config.mkdir(parents=True)
    (settings.home.config / "queue_type.csv").write_text(
        "queue_type,owning_team,sla_minutes,origin,reason\ntriage,x,soon,local,ours\n"
    )
    with pytest.raises(SpecError) as caught:
        site_overrides(settings.home, load_inventory(settings.home))
    assert str(caught.value) == f"config/{shown}"


def test_every_seed_that_a_site_sets_stands_in_the_table() -> None:
    table = PAGE.split("## What can be set")[1].split("## ")[0]
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE))))
    maps = {name for name in overridable_seeds() if name.startswith("code_map_")}
    assert listed == overridable_seeds().keys() - maps
    assert "`code_map_<name>`" in table

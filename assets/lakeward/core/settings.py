"""The only place that reads or sets the environment.

A `Settings` value is made once by the command line, a Dagster resource or the dbt plugin and is
handed down; nothing below reads `os.environ`, and nothing here is read at import.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from lakeward.core.paths import Home, default_home

DEMO_SECRET = "lakeward-demo-not-for-patients"  # noqa: S105  a public value by purpose


class Settings(BaseModel):
    """What a deployment decides.

    Attributes:
        home: Folder that holds `landing/ lake/ outbox/ site/` (`LAKEWARD_HOME`).
        key_secret: Secret from which the namespace of all `*_key` columns is derived
            (`LAKEWARD_KEY_SECRET`); the default is public and fit for synthetic data only.
        automation: Whether schedules and sensors start RUNNING (`LAKEWARD_AUTOMATION=1`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Home
    key_secret: str = DEMO_SECRET
    automation: bool = False


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings from the environment; `home` overrides `LAKEWARD_HOME`."""
    root = home or Path(os.environ.get("LAKEWARD_HOME") or default_home())
    return Settings(
        home=Home(root.expanduser().resolve()),
        key_secret=os.environ.get("LAKEWARD_KEY_SECRET") or DEMO_SECRET,
        automation=os.environ.get("LAKEWARD_AUTOMATION") == "1",
    )


def principal() -> str:
    """Name who runs this process, for trail and audit: the account of the operating system.

    Not from `USER` or `LOGNAME`, which anybody can set.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def silence_telemetry() -> None:
    """Switch off telemetry of libraries that report home by default, before they are imported."""
    os.environ.update(GX_ANALYTICS_ENABLED="false", DBT_SEND_ANONYMOUS_USAGE_STATS="false")


@contextmanager
def exported(settings: Settings) -> Iterator[None]:
    """Show the settings to libraries that read the environment, for the length of a block."""
    changes = {
        "LAKEWARD_HOME": str(settings.home.root),
        "LAKEWARD_KEY_SECRET": settings.key_secret,
        "LAKEWARD_CATALOGUE": str(settings.home.work / "catalogue.duckdb"),
        "DAGSTER_HOME": str(settings.home.dagster),
    }
    silence_telemetry()
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

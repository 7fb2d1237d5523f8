"""The only place that reads or sets the environment.

A `Settings` value is made once by the command line, a Dagster resource or the dbt plugin and is
handed down (all but `memory_limit`, see there); nothing below reads `os.environ`, and nothing here
is read at import.
"""

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from lakeward.core.errors import UsageError
from lakeward.core.paths import Home, default_home
from lakeward.core.sizes import MOST_BY_DEFAULT, default_size, read_size

DEMO_SECRET = "lakeward-demo-not-for-patients"  # noqa: S105  a public value by purpose

_UNUSABLE = re.compile(r"[\[\]^|\\#?]|%[0-9A-Fa-f]{2}")
"""What the Delta library cannot have in the path of a table: it stops or writes elsewhere."""


class Settings(BaseModel):
    """What a deployment decides.

    Attributes:
        home: Folder that holds `landing/ lake/ outbox/ site/` (`LAKEWARD_HOME`).
        key_secret: Secret from which the namespace of all `*_key` columns is derived
            (`LAKEWARD_KEY_SECRET`); the default is public and fit for synthetic data only.
        memory: Bytes that DuckDB may take for one connection (`LAKEWARD_MEMORY`, as `3GB`); what
            does not fit is spilled into the home. Default: a quarter of the machine, at most 2 GiB.
        automation: Whether schedules and sensors start RUNNING (`LAKEWARD_AUTOMATION=1`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Home
    key_secret: str = DEMO_SECRET
    memory: int = MOST_BY_DEFAULT
    automation: bool = False


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings from the environment; `home` overrides `LAKEWARD_HOME`.

    Raises:
        UsageError: The path of the home has characters that no table can lie below, or
            `LAKEWARD_MEMORY` is no size.
    """
    root = (home or Path(os.environ.get("LAKEWARD_HOME") or default_home())).expanduser().resolve()
    if _UNUSABLE.search(str(root)):
        raise UsageError(
            "LAKEWARD_HOME",
            "its path holds one of # ? [ ] ^ | \\ or a % before two hexadecimal digits",
            "a path of letters, digits, spaces and other signs",
            "choose another folder",
        )
    return Settings(
        home=Home(root),
        key_secret=os.environ.get("LAKEWARD_KEY_SECRET") or DEMO_SECRET,
        memory=memory_limit(),
        automation=os.environ.get("LAKEWARD_AUTOMATION") == "1",
    )


def memory_limit() -> int:
    """Return the bytes that DuckDB may take for one connection.

    Asked for where a connection is opened, and not handed down: connections are opened in dozens of
    places, and one that was forgotten would take four fifths of the machine, as DuckDB does.

    Raises:
        UsageError: `LAKEWARD_MEMORY` is no size.
    """
    text = os.environ.get("LAKEWARD_MEMORY")
    return read_size(text, "LAKEWARD_MEMORY") if text else default_size()


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
def exported(settings: Settings, *, catalogue: Path | None = None) -> Iterator[None]:
    """Show the settings to libraries that read the environment, for the length of a block.

    Args:
        settings: What to show.
        catalogue: dbt's catalogue; default: that in the work folder of the home.
    """
    changes = {
        "LAKEWARD_HOME": str(settings.home.root),
        "LAKEWARD_KEY_SECRET": settings.key_secret,
        "LAKEWARD_CATALOGUE": str(catalogue or settings.home.work / "catalogue.duckdb"),
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

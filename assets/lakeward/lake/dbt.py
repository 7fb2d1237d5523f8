"""Running dbt in process: parsed once, no log, no results file, no values in errors.

Messages of the database can hold values of records (a failed cast does), and dbt writes them to its
log and to `run_results.json`. So dbt writes neither here, and an error names the model and the kind
of failure. What the models say is in `dbt_project/`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lakeward.core.errors import PermanentError, SpecError
from lakeward.core.paths import Home, project_path
from lakeward.core.settings import Settings, exported
from lakeward.lake.data_files import damage_in
from lakeward.lake.disk import full_disk_in
from lakeward.lake.seed_overrides import Override, apply_overrides, read_overrides

# `Conversion Error` is left out on purpose: a cast that fails quotes the value it was given
SAFE_ERRORS = ("Binder Error", "Catalog Error", "Parser Error", "Compilation Error", "SpecError")
"""Failures whose text is about SQL or specs only; all others are reduced to their kind."""

_CATALOGUE = "catalogue.duckdb"
"""Its stem is the name of the database in the SQL of every model."""


@dataclass(frozen=True)
class ModelRun:
    """One model or seed that dbt built, and how long it took."""

    model: str
    seconds: float


def build(
    settings: Settings,
    select: Sequence[str],
    variables: Mapping[str, object],
    *,
    keep_going: bool = False,
) -> list[ModelRun]:
    """Build the seeds and models that a dbt selection names.

    Args:
        settings: Gives the home; the catalogue lies in its work folder.
        select: dbt selectors, as `path:models/canonical`.
        variables: dbt variables (`day`, `as_of`, `time_zone`, `source_time_zones`).
        keep_going: Leave out models that fail instead of raising.

    Returns:
        The models that were built.

    Raises:
        SpecError: The project does not parse, or what the home sets of the seeds cannot be.
        PermanentError: A model failed; the text names it.
    """
    # dbt need not list the catalogue first: our materializations replace what is there unseen
    command = ("run", "--no-populate-cache", "--select", *select)
    session = _started(settings)
    _set_seeds(session, read_overrides(settings.home))
    return _run(session, command, variables, keep_going=keep_going)


@dataclass
class _Session:
    """dbt in this process: the parsed project, and a catalogue of its own that holds the seeds.

    `overrides` are the rows of the site that are in the seeds; None: nothing is in them yet.
    """

    settings: Settings
    manifest: Any
    overrides: tuple[Override, ...] | None = None


@lru_cache(maxsize=4)
def _started(settings: Settings) -> _Session:
    """Parse the project and begin with a new catalogue; once per process and home.

    A killed run may have left a catalogue that DuckDB cannot open.
    """
    settings.home.work.mkdir(parents=True, exist_ok=True)
    for leftover in settings.home.work.glob(f"{_CATALOGUE}*"):
        leftover.unlink()
    return _Session(settings, parsed_project(settings))


_SEEDED: list[bytes] = []
"""The catalogue with the seeds of the project and nothing else, once a process has loaded them."""


def _set_seeds(session: _Session, overrides: tuple[Override, ...]) -> None:
    """Load the seeds with the rows of the site: again only when these have changed.

    Seeds are of the project and not of a home, as the manifest is: what dbt takes three seconds for
    is copied into the catalogue of the next home of the process.
    """
    if session.overrides == overrides:
        return
    catalogue = session.settings.home.work / _CATALOGUE
    if session.overrides is None and _SEEDED:
        catalogue.write_bytes(_SEEDED[0])
    else:
        _run(session, ("seed",), {})
        _SEEDED[:] = _SEEDED or [catalogue.read_bytes()]  # before rows of the site are in it
    apply_overrides(catalogue, overrides)
    session.overrides = overrides


def _run(
    session: _Session,
    arguments: Sequence[str],
    variables: Mapping[str, object],
    *,
    keep_going: bool = False,
) -> list[ModelRun]:
    # imported here: dbt takes two seconds, and most commands never build anything
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with exported(session.settings):
        # a copy: dbt keeps compiled SQL in the manifest, and with it another day's variables
        manifest = session.manifest.deepcopy()
        command = [*arguments, "--vars", json.dumps(dict(variables))]
        try:
            result = _invoke(session.settings.home, command, manifest)
        finally:
            # the next build gets a fresh view of what is released
            DuckDBConnectionManager.close_all_connections()
    results = result.result or []
    # dbt skips what depends on a failed model: that is not built either, and not `success`
    failed = [r for r in results if str(r.status) != "success"]
    if (failed and not keep_going) or result.exception is not None:
        # a fault of the machine is named as such: no model is to be mended for it
        for text in (*(str(r.message) for r in failed), str(result.exception)):
            if fault := full_disk_in(text) or damage_in(text):
                raise fault
        raise PermanentError(*_explain(failed, result.exception))
    done = [r for r in results if r not in failed]
    return [ModelRun(str(r.node.name), float(r.execution_time)) for r in done]


_PARSED: list[Any] = []
"""The parsed project, once a process has needed it."""


def parsed_project(settings: Settings) -> Any:
    """Return dbt's manifest of the project, parsed once in a process.

    It is of the project and not of a home: the second home of a process paid five seconds for the
    same manifest, a test suite some hundred times.

    Raises:
        SpecError: The project does not parse.
    """
    if not _PARSED:
        _PARSED.append(_parse(settings))
    return _PARSED[0]


def _parse(settings: Settings) -> Any:
    """Parse with default variables, so that dbt's own cache holds from night to night.

    And with a catalogue of no home, which parsing does not open: the cache holds in a copy of the
    home too, and there saves six seconds.
    """
    with exported(settings, catalogue=Path(_CATALOGUE)):
        result = _invoke(settings.home, ["parse"], None)
    if result.exception is not None or result.result is None:
        raise SpecError(
            "dbt project", _kind(str(result.exception)), "a project that parses", "run `dbt parse`"
        )
    return result.result


def _invoke(home: Home, command: list[str], manifest: Any) -> Any:
    from dbt.cli.main import dbtRunner

    project = str(project_path("dbt_project"))
    return dbtRunner(manifest=manifest).invoke(
        [
            *("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json"),
            *("--log-path", str(home.work / "dbt_logs"), "--no-send-anonymous-usage-stats"),
            *command,
            *("--project-dir", project, "--profiles-dir", project),
            *("--target-path", str(home.work / "dbt_target")),
        ]
    )


def _explain(failed: Iterable[Any], exception: BaseException | None) -> tuple[str, str, str, str]:
    for result in failed:
        where, what = f"dbt model {result.node.name}", _kind(str(result.message))
        # the first is enough: dbt skips what depends on it
        return where, what, "a model that builds", f"run `dbt build --select {result.node.name}`"
    return "dbt", _kind(str(exception)), "a build without errors", "run `dbt build`"


def _kind(message: str) -> str:
    """Reduce a message to what cannot hold a value of a record."""
    for kind in SAFE_ERRORS:
        if kind in message:
            return " ".join(message[message.index(kind) :].split())[:600]
    words = [word for word in message.split(":") if word.strip().endswith(("Error", "Exception"))]
    return f"failed ({words[0].strip()})" if words else "failed"

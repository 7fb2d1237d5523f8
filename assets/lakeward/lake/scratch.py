"""Scratch homes: a copy of the lake to try something in, which never touches the real one.

Data files are shared by hard link, because Delta never changes one; logs are copied, because it
appends to them. What is tried there is not known here.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from lakeward.core.errors import RetryableError
from lakeward.core.paths import Home
from lakeward.lake.lock import sole_writer
from lakeward.lake.tables import Lake, table_names

FOLDER = "scratch"
_RUN_TIME_FOLDERS = {"landing", "lake", "outbox", "site", "work", "dagster", "truth"}
"""Folders of a home that runs write to; all others are settings of the deployment."""


@contextmanager
def scratch_home(home: Home, tables: Collection[str] | None = None) -> Iterator[Home]:
    """Yield a home with a copy of the lake and an empty landing; it is removed afterwards.

    The caller holds the lake as its only writer, or nobody writes it, while it is copied.

    Args:
        home: What is copied; views, segments and inventory of the deployment are linked to.
        tables: Tables to copy; default all.
    """
    _sweep(home)
    scratch = Home(home.work / FOLDER / uuid4().hex)
    try:
        with sole_writer(scratch):  # marks it as in use, see `_sweep`
            _link_settings(home, scratch)
            for table in table_names(Lake(home.lake)) if tables is None else tables:
                _copy_table(home.lake / table, scratch.lake / table)
            yield scratch
    finally:
        shutil.rmtree(scratch.root, ignore_errors=True)


def _sweep(home: Home) -> None:
    """Remove what killed processes left behind: it holds records of patients."""
    for leftover in (home.work / FOLDER).glob("*"):
        try:
            with sole_writer(Home(leftover)):
                shutil.rmtree(leftover, ignore_errors=True)
        except (RetryableError, OSError):  # in use, or removed by another process
            continue


def _link_settings(home: Home, scratch: Home) -> None:
    # landing is new and empty, so that only what is tried there can be loaded
    scratch.landing.mkdir(parents=True)
    for path in home.root.iterdir():
        if path.name not in _RUN_TIME_FOLDERS and not path.name.startswith("."):
            (scratch.root / path.name).symlink_to(path)
    parsed = home.work / "dbt_target" / "partial_parse.msgpack"
    if parsed.is_file():  # saves dbt seconds
        (scratch.work / "dbt_target").mkdir(parents=True)
        shutil.copy2(parsed, scratch.work / "dbt_target")


def _copy_table(table: Path, target: Path) -> None:
    if not table.is_dir():
        return
    log = table / "_delta_log"
    # copied, not linked: a commit in the scratch lake must never appear in the real one
    shutil.copytree(log, target / "_delta_log", copy_function=shutil.copyfile)
    for path in table.rglob("*.parquet"):
        if log not in path.parents:
            link = target / path.relative_to(table)
            link.parent.mkdir(parents=True, exist_ok=True)
            _link_file(path, link)


def _link_file(path: Path, link: Path) -> None:
    try:
        os.link(path, link)
    except OSError:  # another file system, or one without hard links
        link.symlink_to(path)

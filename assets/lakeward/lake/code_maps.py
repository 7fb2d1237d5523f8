"""All code maps as one list that people can edit: what is mapped, by whom, and what is not.

The codes that no map knows are those of the released store, with the number of rows that carry
them. What is edited becomes rows of the site in `config/`, see `seed_overrides`. In which kind of
file the list lies is not known here.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from lakeward.core.errors import SpecError
from lakeward.core.files import write_atomically
from lakeward.core.paths import Home
from lakeward.core.settings import Settings
from lakeward.lake.release import released_pins
from lakeward.lake.released import open_released, select
from lakeward.lake.seed_overrides import Seed, check_rows, overridable_seeds, read_overrides
from lakeward.lake.tables import Lake

UNMAPPED = "canonical__unmapped_code"
_PREFIX = "code_map_"

Row = Mapping[str, str]


@dataclass(frozen=True)
class CodeRow:
    """One line of the list.

    Attributes:
        code_map: Name of the map.
        source_system: Interface that the line is for; `*` is every one.
        from_code: Code as a source states it.
        to_code: What it means; empty: nobody has said so.
        origin: Where the meaning is from.
        reason: Why, in a few words.
        set_by: `package` or `home`; empty for a code that no map knows.
        rows: Rows of the released store that carry a code that no map knows.
    """

    code_map: str
    source_system: str
    from_code: str
    to_code: str = ""
    origin: str = ""
    reason: str = ""
    set_by: str = ""
    rows: int | None = None


COLUMNS = tuple(field.name for field in fields(CodeRow))
EDITED = ("code_map", "source_system", "from_code", "to_code", "origin", "reason")
"""Columns that an edited list must have; the others are for people to read."""


@dataclass(frozen=True)
class MapChange:
    """What an edited list changes in the rows that the home sets in one map."""

    seed: Seed
    rows: tuple[Row, ...]
    added: int
    changed: int
    removed: int


def code_maps() -> dict[str, Seed]:
    """Return the code maps by name, without the prefix that their seeds have."""
    seeds = overridable_seeds().items()
    return {name.removeprefix(_PREFIX): s for name, s in seeds if name.startswith(_PREFIX)}


def code_rows(settings: Settings) -> list[CodeRow]:
    """List the rows of all maps as they count in this home, each map with what it does not know.

    Raises:
        SpecError: What the home sets of the seeds cannot be.
    """
    listed: list[CodeRow] = []
    own, unmapped = _own_rows(settings.home), _unmapped(settings)
    for name, seed in code_maps().items():
        packaged = {seed.key(row): row for row in seed.rows}
        counted = packaged | own.get(name, {})
        for key, row in sorted(counted.items()):
            set_by = "package" if packaged.get(key) == row else "home"
            (source, code), to_code = key, row["to_code"]
            mapped = CodeRow(name, source, code, to_code, row["origin"], row["reason"], set_by)
            listed.append(mapped)
        listed += [
            CodeRow(name, source, code, rows=count)
            for source, code, count in unmapped.get(name, [])
            # mapped since the store was released: the next run uses it
            if not {(source, code), ("*", code)} & counted.keys()
        ]
    return listed


def changes_of(
    home: Home, where: str, rows: Sequence[tuple[int, Row]], sources: Collection[str]
) -> list[MapChange]:
    """Find what an edited list changes; nothing is written.

    A line that says what the package says sets nothing; one without a `to_code` sets nothing, and
    takes out what the home had set. What is not in the list stays as the home has set it.

    Raises:
        SpecError: A line cannot be; `where` and its number say which.
    """
    maps, own = code_maps(), _own_rows(home)
    by_map: dict[str, list[tuple[int, Row]]] = {}
    for number, row in rows:
        if row["code_map"] not in maps:
            known = " or ".join(maps)
            raise SpecError(
                f"{where} line {number}", "names no code map", known, "correct the line"
            )
        by_map.setdefault(row["code_map"], []).append((number, row))
    found = [
        _change(maps[name], own.get(name, {}), where, edited, sources)
        for name, edited in by_map.items()
    ]
    return [change for change in found if change.added or change.changed or change.removed]


def write_changes(home: Home, changes: Sequence[MapChange]) -> None:
    """Write what the home sets in each map that changes; a file without rows is removed."""
    home.config.mkdir(parents=True, exist_ok=True)
    for change in changes:
        path = home.config / f"{change.seed.name}.csv"
        if not change.rows:
            path.unlink(missing_ok=True)
            continue
        text = io.StringIO()
        writer = csv.DictWriter(text, change.seed.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(change.rows)
        write_atomically(path, text.getvalue().encode())


def _change(
    seed: Seed,
    own: Mapping[tuple[str, ...], Row],
    where: str,
    edited: Sequence[tuple[int, Row]],
    sources: Collection[str],
) -> MapChange:
    packaged = {seed.key(row): row for row in seed.rows}
    mapped = [(number, _completed(row)) for number, row in edited if row["to_code"]]
    check_rows(seed, where, mapped, sources)
    for number, row in edited:
        if not row["to_code"] and seed.key(row) in packaged and seed.key(row) not in own:
            raise SpecError(
                f"{where} line {number}",
                "takes out a packaged row",
                "a to_code",
                "a packaged row can be replaced, and not taken out",
            )
    named = {seed.key(row) for _, row in edited}
    rows = {key: row for key, row in own.items() if key not in named}
    rows |= {seed.key(row): row for _, row in mapped if packaged.get(seed.key(row)) != row}
    return MapChange(
        seed,
        tuple(row for _, row in sorted(rows.items())),
        added=len(rows.keys() - own.keys()),
        changed=sum(own[key] != row for key, row in rows.items() if key in own),
        removed=len(own.keys() - rows.keys()),
    )


def _completed(row: Row) -> Row:
    """Return a line with what a person need not write: a home decides locally."""
    return {
        **row,
        "origin": row["origin"] or "local",
        "reason": row["reason"] or "mapped by the site",
    }


def _own_rows(home: Home) -> dict[str, dict[tuple[str, ...], Row]]:
    """Return what the home sets, by map and key."""
    found: dict[str, dict[tuple[str, ...], Row]] = {}
    for override in read_overrides(home):
        seed = overridable_seeds()[override.seed]
        rows = [dict(zip(override.columns, row, strict=True)) for row in override.rows]
        found[override.seed.removeprefix(_PREFIX)] = {seed.key(row): row for row in rows}
    return found


def _unmapped(settings: Settings) -> dict[str, list[tuple[str, str, int]]]:
    """Return the codes that the released store counts as unmapped, by map; most rows first."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    if UNMAPPED in released_pins(Lake(settings.home.lake)):
        for code_map, source, code, count in _counted(settings):
            found.setdefault(code_map, []).append((source, code, count))
    return found


def _counted(settings: Settings) -> Iterator[tuple[str, str, str, int]]:
    query = (
        "select code_map, source_system, from_code, row_count"
        # an empty code is one that nobody stated: there is nothing to map
        f" from {UNMAPPED} where from_code != ''"
        " order by code_map, row_count desc, source_system, from_code"
    )
    with open_released(settings) as connection:
        for row in select(connection, query):
            yield row["code_map"], row["source_system"], row["from_code"], row["row_count"]

"""Rows of seeds that a site sets: `config/<seed>.csv` of the home, checked, and put into the seed.

Which seeds a site may set, and what a column may hold, stands beside them in `_seeds.yml`
(`meta.overridable`). A row of the home replaces the packaged row of the same grain, or is added;
no row is taken out. What the rows mean is not known here.
"""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict

from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of
from lakeward.core.paths import Home, project_path

Kind = Literal["packaged", "source", "origin", "count", "digit", "flag", "text"]
"""What a column of an override may hold.

`packaged`, a value that the packaged rows have; `source`, `*` or an interface of the home;
`origin`, where a row is from; `count`, a whole number; `digit`, 0 to 9; `flag`, true or
false; `text`, anything.
"""

ORIGINS = ("guide", "standard", "report", "local")
_SHOWN = 12
"""Values that an error lists at most; they are ours, never those of a record."""


class Seed(BaseModel):
    """One seed that a site may set, as `_seeds.yml` describes it, with its packaged rows.

    Attributes:
        name: Its name, and that of the file.
        columns: Its columns, in their order.
        grain: The columns that identify a row.
        kinds: What each column may hold; values by name, where the packaged rows lack some.
        rows: The packaged rows, each by column.
        distinct: Columns that are not the same in two rows, those of the home among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    columns: tuple[str, ...]
    grain: tuple[str, ...]
    kinds: Mapping[str, Kind | tuple[str, ...]]
    rows: tuple[Mapping[str, str], ...]
    distinct: tuple[str, ...] = ()

    def packaged(self, column: str) -> list[str]:
        """List the values that the packaged rows have in a column."""
        return sorted({row[column] for row in self.rows})

    def key(self, row: Mapping[str, str]) -> tuple[str, ...]:
        """Return what identifies a row."""
        return tuple(row[column] for column in self.grain)


@dataclass(frozen=True)
class Override:
    """The rows that a site sets in one seed; `sha256` is that of the file."""

    seed: str
    columns: tuple[str, ...]
    grain: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sha256: str

    @property
    def stamp(self) -> str:
        """Name the seed and its content, as a release records it."""
        return f"{self.seed} {self.sha256}"


@lru_cache(maxsize=1)
def overridable_seeds() -> Mapping[str, Seed]:
    """Return the seeds that a site may set, by name."""
    folder = project_path("dbt_project") / "seeds"
    described = yaml.safe_load((folder / "_seeds.yml").read_text(encoding="utf-8"))["seeds"]
    return {
        entry["name"]: _seed(folder, entry)
        for entry in described
        if "overridable" in entry["config"]["meta"]
    }


def read_overrides(home: Home, sources: Collection[str] | None = None) -> tuple[Override, ...]:
    """Read and check what a home sets.

    Args:
        home: Its folder `config` holds the files; none need be there.
        sources: The interfaces of the home; None: not compared.

    Raises:
        SpecError: A file is of no seed that a site sets, or a row of it cannot be; the text names
            file and line, not the value.
    """
    if not home.config.is_dir():
        return ()
    # hidden files are what editors and file managers leave beside others
    paths = sorted(path for path in home.config.iterdir() if not path.name.startswith("."))
    return tuple(_override(path, sources) for path in paths)


def check_rows(
    seed: Seed,
    where: str,
    rows: Sequence[tuple[int, Mapping[str, str]]],
    sources: Collection[str] | None,
) -> None:
    """Check numbered rows of a seed as those of a file are.

    Raises:
        SpecError: A row cannot be; `where` and its number say which.
    """
    seen: dict[tuple[str, ...], int] = {}
    for number, row in rows:
        place = f"{where} line {number}"
        for column in seed.columns:
            _check_value(seed, column, row[column], place, sources)
        first = seen.setdefault(seed.key(row), number)
        if first != number:
            what = f"states the same {', '.join(seed.grain)} as line {first}"
            raise SpecError(place, what, "one row for each", "take one of them out")
    _check_distinct(seed, where, rows)


def _check_distinct(seed: Seed, where: str, rows: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """Raise for a row that has what another one has, after all rows have been put in."""
    counted = {seed.key(row): row for row in (*seed.rows, *(row for _, row in rows))}
    lines = {seed.key(row): number for number, row in rows}
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    # those of the home last: they are what somebody can correct
    for key in sorted(counted, key=lambda key: key in lines) if seed.distinct else ():
        value = tuple(counted[key][column] for column in seed.distinct)
        if seen.setdefault(value, key) != key:
            named = ", ".join(seed.distinct)
            place = f"{where} line {lines[key]}"
            what = f"has the same {named} as another row"
            raise SpecError(place, what, "another one", "give both rows, each its own")


def apply_overrides(catalogue: Path, overrides: Sequence[Override]) -> None:
    """Put the rows of a site into the seeds of a catalogue that nobody has open."""
    with duckdb.connect(str(catalogue)) as connection:
        for override in overrides:
            same = " and ".join(f'"{column}" = ?' for column in override.grain)
            places = [override.columns.index(column) for column in override.grain]
            marks = ", ".join("?" for _ in override.columns)
            for row in override.rows:
                # an empty text of a seed file is NULL for dbt, too
                values = [value or None for value in row]
                key = [row[place] for place in places]
                connection.execute(f"delete from {override.seed} where {same}", key)
                connection.execute(f"insert into {override.seed} values ({marks})", values)


def _seed(folder: Path, entry: Mapping[str, Any]) -> Seed:
    meta, columns = entry["config"]["meta"], [column["name"] for column in entry["columns"]]
    with (folder / f"{entry['name']}.csv").open(encoding="utf-8", newline="") as file:
        rows = tuple(csv.DictReader(file))
    unknown = sorted(meta["overridable"].keys() ^ set(columns))
    if unknown:
        raise SpecError(
            f"_seeds.yml seed {entry['name']}",
            f"overridable and columns differ in {', '.join(unknown)}",
            "a kind for every column",
        )
    return Seed(
        name=entry["name"],
        columns=tuple(columns),
        grain=tuple(meta["grain"]),
        kinds=meta["overridable"],
        rows=rows,
        distinct=tuple(meta.get("distinct", ())),
    )


def _override(path: Path, sources: Collection[str] | None) -> Override:
    where, seeds = f"config/{path.name}", overridable_seeds()
    seed = seeds.get(path.stem)
    if seed is None or path.suffix != ".csv":
        raise SpecError(
            where,
            "is no seed that a site sets",
            " or ".join(f"{name}.csv" for name in seeds),
            "rename it, or move it out of the folder",
        )
    content = path.read_bytes()
    rows = list(_rows(seed, where, content))
    check_rows(seed, where, rows, sources)
    texts = tuple(tuple(row[column] for column in seed.columns) for _, row in rows)
    return Override(seed.name, seed.columns, seed.grain, texts, sha256_of(content))


def _rows(seed: Seed, where: str, content: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row with the number of its last line, as editors count them."""
    try:
        # spreadsheets begin with a byte order mark
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError(where, "is not UTF-8", "UTF-8", "save it as UTF-8") from None
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        if tuple(next(reader, ())) != seed.columns:
            expected = ",".join(seed.columns)
            raise SpecError(where, "its first line is another one", expected, "copy it from here")
        for cells in reader:
            if not cells:
                continue
            place, count = f"{where} line {reader.line_num}", len(seed.columns)
            if len(cells) != count:
                what = f"has {len(cells)} columns"
                raise SpecError(place, what, str(count), "quote values that hold a comma")
            yield reader.line_num, dict(zip(seed.columns, cells, strict=True))
    except csv.Error:
        place = f"{where} line {reader.line_num}"
        raise SpecError(place, "is no line of CSV", "quotes in pairs", "correct it") from None


def _check_value(
    seed: Seed, column: str, value: str, place: str, sources: Collection[str] | None
) -> None:
    expected = ""
    if value != value.strip():
        expected = "no blank at its beginning or end"
    elif value == "" and "" in seed.packaged(column):
        return
    elif value == "":
        expected = "a value"
    else:
        kind = seed.kinds[column]
        if isinstance(kind, tuple):
            expected = "" if value in kind else " or ".join(kind)
        else:
            expected = _EXPECTED[kind](seed, column, value, sources)
    if expected:
        what = f"{column} is empty" if value == "" else f"{column} is not valid"
        raise SpecError(place, what, expected, "correct the line")


def _packaged(seed: Seed, column: str, value: str, _: Collection[str] | None) -> str:
    known = seed.packaged(column)
    return "" if value in known else _one_of(known, f"a value of {column} in the packaged seed")


def _source(_: Seed, __: str, value: str, sources: Collection[str] | None) -> str:
    if sources is None or value == "*" or value in sources:
        return ""
    return _one_of(["*", *sorted(sources)], "`*` or an interface of sources.yaml")


def _origin(_: Seed, __: str, value: str, ___: Collection[str] | None) -> str:
    return "" if value in ORIGINS else _one_of(ORIGINS, "")


def _count(_: Seed, __: str, value: str, ___: Collection[str] | None) -> str:
    return "" if value.isascii() and value.isdecimal() else "a whole number"


def _digit(_: Seed, __: str, value: str, ___: Collection[str] | None) -> str:
    return "" if len(value) == 1 and value in "0123456789" else "a digit"


def _flag(_: Seed, __: str, value: str, ___: Collection[str] | None) -> str:
    return "" if value in ("true", "false") else "true or false"


def _text(_: Seed, __: str, ___: str, ____: Collection[str] | None) -> str:
    return ""


_EXPECTED: Mapping[Kind, Callable[[Seed, str, str, Collection[str] | None], str]] = {
    "packaged": _packaged,
    "source": _source,
    "origin": _origin,
    "count": _count,
    "digit": _digit,
    "flag": _flag,
    "text": _text,
}
"""For each kind, what was expected instead of a value; empty where the value can be."""


def _one_of(known: Sequence[str], else_: str) -> str:
    named = [value for value in known if value]
    return " or ".join(named) if len(named) <= _SHOWN else else_

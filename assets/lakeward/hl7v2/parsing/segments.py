"""Segment specs as data: which fields of which segments become columns of which flat table.

A spec is one file of `specs/`; a new field is one line in it. Kinds of a line:

    text   the component as text    -> <name>
    date   a day                    -> <name> DATE, <name>_text
    ts     an instant               -> <name>_text, _at, _precision, _zone_source
    pl     a location               -> <name>_unit, _room, _bed, _facility, _status
    cx     an identifier            -> <name>_id, _authority, _authority_universal_id, _type
    ei     an entity identifier     -> <name>_id, _authority, _authority_universal_id
    xcn    a person                 -> <name>_id, _family, _given, _authority
    cwe    a code                   -> <name>_code, _text, _system

An element is `PID-5.1.1`: field, component (default 1), subcomponent (default: all of it).
No text of a message is in PHI class N: a sender that shifts fields by one puts a name
into a column of codes. How bytes become columns is not known here.

Source: HL7 v2.5.1 chapter 2A for the components of the data types PL, CX, EI, XCN and CWE, and the
chapter of each segment for its fields.
"""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of, shown
from lakeward.core.phi import Phi
from lakeward.hl7v2.parsing.specfile import ChildFile, ColumnLine, read_spec_file, spec_error
from lakeward.hl7v2.parsing.specfile import Path as LinePath
from lakeward.lake.incremental import OnFailure, raise_failure
from lakeward.lake.origin import DAY, FILE, MESSAGE, RECEIVED, SOURCE
from lakeward.lake.tables import Column, TableSpec

PARSER_VERSION = 4
"""Raised when the parser reads other values for the same spec; flat tables are then rebuilt."""

PARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "pl": (("unit", "1.1"), ("room", "2.1"), ("bed", "3.1"), ("facility", "4.1"), ("status", "5")),
    "cx": (("id", "1"), ("authority", "4.1"), ("authority_universal_id", "4.2"), ("type", "5")),
    "ei": (("id", "1"), ("authority", "2"), ("authority_universal_id", "3")),
    "xcn": (("id", "1"), ("family", "2.1"), ("given", "3"), ("authority", "9.1")),
    "cwe": (("code", "1"), ("text", "2"), ("system", "3")),
}
"""By kind: the columns that one line becomes, and the component of each."""

LEADING_COLUMNS = (
    SOURCE,
    RECEIVED,
    FILE,
    MESSAGE,
    DAY,
    Column("segment", "BIGINT", Phi.N, "Place of the segment in the message, from 1"),
    Column("patient_group", "BIGINT", Phi.N, "Number of PID segments up to here"),
)
REPEAT = Column("repeat", "BIGINT", Phi.N, "Number of the repeat in its field, from 1")
KIND = Column("kind", "VARCHAR", Phi.N, "Which field the repeat comes from")


@dataclass(frozen=True)
class Leaf:
    """One value to take out of a segment; `subcomponent` 0 is the component whole."""

    name: str
    kind: Literal["text", "date", "ts"]
    field: int
    component: int
    subcomponent: int
    phi: Phi
    about: str

    def columns(self) -> tuple[Column, ...]:
        """List the columns that hold this value."""
        text = Column(f"{self.name}_text", "VARCHAR", self.phi, f"{self.about}, as sent")
        if self.kind == "text":
            return (Column(self.name, "VARCHAR", self.phi, self.about),)
        if self.kind == "date":
            return (Column(self.name, "DATE", self.phi, self.about), text)
        return (
            text,
            Column(f"{self.name}_at", "TIMESTAMP WITH TIME ZONE", self.phi, self.about),
            Column(f"{self.name}_precision", "VARCHAR", Phi.N, "year to fraction"),
            Column(
                f"{self.name}_zone_source",
                "VARCHAR",
                Phi.N,
                "What gave the zone, see parsing.times",
            ),
        )


@dataclass(frozen=True)
class ChildSpec:
    """A table with one row for each repeat of some fields; `fields` is (number, kind)."""

    table: str
    about: str
    fields: tuple[tuple[int, str | None], ...]
    leaves: tuple[Leaf, ...]

    @property
    def has_kind(self) -> bool:
        """Whether rows say which field they come from."""
        return any(kind is not None for _, kind in self.fields)


@dataclass(frozen=True)
class SegmentSpec:
    """One segment: its main table with one row a segment, and its child tables."""

    segment: str
    about: str
    leaves: tuple[Leaf, ...]
    children: tuple[ChildSpec, ...]

    @property
    def table(self) -> str:
        """Name of the flat table."""
        return f"hl7v2__{self.segment.lower()}"


@lru_cache(maxsize=1)
def packaged_specs() -> tuple[SegmentSpec, ...]:
    """Read all packaged specs, in order of segment."""
    folder = resources.files("lakeward.hl7v2").joinpath("specs")
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    return tuple(parse_spec(f.read_text(encoding="utf-8"), f.name) for f in files)


def segment_specs(
    folder: Path | None = None, on_failure: OnFailure = raise_failure
) -> tuple[SegmentSpec, ...]:
    """Return the packaged specs with those of a folder of the deployment, in order of segment.

    A file of the folder describes a segment of its own, or adds columns and child tables to a
    packaged one; it never changes what a packaged column means.

    Args:
        folder: Where the deployment keeps specs of its own.
        on_failure: Called with each file that is wrong, which is then left out. `ZPI.yaml` is
            reported for `hl7v2__zpi`, whatever it holds: a wrong file may not name its segment.
    """
    specs = {spec.segment: spec for spec in packaged_specs()}
    for path in sorted(folder.glob("*.yaml")) if folder else []:
        try:
            own = parse_spec(path.read_text(encoding="utf-8"), path.name, tuple(specs.values()))
            specs[own.segment] = own
        except SpecError as error:
            on_failure(_table_of_file(path), error)
        except (OSError, UnicodeDecodeError):
            where, what = f"segment spec {shown(path.name)} line 1", "cannot be read"
            on_failure(_table_of_file(path), SpecError(where, what, "UTF-8 text"))
        except Exception as error:
            # whatever its author wrote, a spec of the deployment stops no other table
            what = f"cannot be used ({type(error).__name__})"
            on_failure(_table_of_file(path), SpecError(f"segment spec {shown(path.name)}", what))
    return tuple(specs[name] for name in sorted(specs))


def _table_of_file(path: Path) -> str:
    return "hl7v2__" + "".join(c if c.isalnum() and c.isascii() else "_" for c in path.stem.lower())


def parse_spec(text: str, where: str, others: Sequence[SegmentSpec] = ()) -> SegmentSpec:
    """Read one spec.

    Args:
        text: The YAML.
        where: Name of the file, for errors.
        others: Specs read before; one of the same segment is added to.

    Raises:
        SpecError: The text is not a valid spec; says which line and what.
    """
    file = read_spec_file(text, where)
    base = next((o for o in others if o.segment == file.segment), None)
    spec = base or SegmentSpec(file.segment, file.about, (), ())
    # tables of all specs share one namespace: a child table must not take the name of a segment
    taken = {name for other in others for name in _names(other)}
    try:
        spec = replace(spec, leaves=_leaves(file.columns, spec.segment, ("columns",), spec.leaves))
        for number, written in enumerate(file.children):
            child = _child(written, spec.segment, ("children", number), taken)
            taken.add(child.table)
            spec = replace(spec, children=(*spec.children, child))
    except _WrongLineError as wrong:
        raise spec_error(text, where, wrong.path, wrong.what) from wrong
    return spec


class _WrongLineError(ValueError):
    """What is wrong, and the path to it in the file."""

    def __init__(self, path: LinePath, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(what)


def main_table(spec: SegmentSpec) -> TableSpec:
    """Build the flat table of a segment."""
    return TableSpec(
        name=spec.table,
        columns=LEADING_COLUMNS + tuple(c for leaf in spec.leaves for c in leaf.columns()),
        description=spec.about,
        grain="One row per segment of a message",
    )


def child_table(child: ChildSpec) -> TableSpec:
    """Build the flat table of the repeats of some fields."""
    extra = (REPEAT, KIND) if child.has_kind else (REPEAT,)
    return TableSpec(
        name=f"hl7v2__{child.table}",
        columns=LEADING_COLUMNS + extra + tuple(c for leaf in child.leaves for c in leaf.columns()),
        description=child.about,
        grain="One row per repeat that holds a value",
    )


def flat_tables(
    folder: Path | None = None, on_failure: OnFailure = raise_failure
) -> tuple[TableSpec, ...]:
    """Return every flat table, main ones and children; arguments as for `segment_specs`."""
    return tuple(
        table
        for spec in segment_specs(folder, on_failure)
        for table in (main_table(spec), *(child_table(c) for c in spec.children))
    )


def spec_sha(spec: SegmentSpec | ChildSpec) -> str:
    """Return a short hash that changes when the rows of a table would."""
    content = json.dumps([PARSER_VERSION, asdict(spec)], sort_keys=True, default=str)
    return sha256_of(content.encode())[:12]


def _names(spec: SegmentSpec) -> tuple[str, ...]:
    return (spec.segment.lower(), *(child.table for child in spec.children))


def _child(child: ChildFile, segment: str, path: LinePath, taken: Container[str]) -> ChildSpec:
    if child.table in taken:
        raise _WrongLineError((*path, "table"), "another spec has a table of this name")
    try:
        fields = tuple((_element(p, segment)[0], kind) for p, kind in child.fields.items())
    except ValueError as error:
        raise _WrongLineError((*path, "fields"), str(error)) from error
    # elements of a child start at the component; the field is any of its fields, here 0
    rows = [(n, f"{segment}-0.{at}", k, p, a) for n, at, k, p, a in child.columns]
    leaves = _leaves(rows, segment, (*path, "columns"), ())
    return ChildSpec(child.table, child.about, fields, leaves)


def _leaves(
    rows: Sequence[ColumnLine], segment: str, path: LinePath, before: tuple[Leaf, ...]
) -> tuple[Leaf, ...]:
    """Expand the lines of a file; the columns of `before` and the leading columns are taken."""
    leaves = list(before)
    taken = {c.name for c in (*LEADING_COLUMNS, REPEAT, KIND)}
    taken |= {column.name for leaf in before for column in leaf.columns()}
    for number, row in enumerate(rows):
        try:
            expanded = _expand(row, segment)
        except ValueError as error:
            raise _WrongLineError((*path, number), str(error)) from error
        for name in (column.name for leaf in expanded for column in leaf.columns()):
            if name in taken:
                raise _WrongLineError((*path, number), f"column named twice: {name}")
            taken.add(name)
        leaves += expanded
    return tuple(leaves)


def _expand(row: ColumnLine, segment: str) -> list[Leaf]:
    name, at, kind, phi, about = row
    if kind in ("text", "date", "ts"):
        return [Leaf(name, kind, *_element(at, segment), phi, about)]  # type: ignore[arg-type]
    field = at.split(".")[0]
    elements = [(part, _element(f"{field}.{inner}", segment)) for part, inner in PARTS[kind]]
    return [Leaf(f"{name}_{p}", "text", *element, phi, f"{about}: {p}") for p, element in elements]


def _element(at: str, segment: str) -> tuple[int, int, int]:
    """Read `PID-5.1.1` as field, component and subcomponent.

    Raises:
        ValueError: It names no element of the segment.
    """
    head, _, rest = at.partition("-")
    numbers = rest.split(".")
    if head != segment or not 1 <= len(numbers) <= 3 or not all(n.isdigit() for n in numbers):
        raise ValueError(f"{at} is no element of {segment}")
    # what is not written: the first component, and all of it
    field, component, subcomponent = (*map(int, numbers), *((1, 0)[len(numbers) - 1 :]))
    return field, component, subcomponent

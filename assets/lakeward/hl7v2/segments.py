"""Segment specs as data: which fields of which segments become columns of which flat table.

A spec is one file of `specs/`; a new field is one line in it. Kinds of a line:

    text   the component as text    -> <name>
    date   a day                    -> <name> DATE, <name>_text
    ts     an instant               -> <name>_text, _at, _precision, _zone_source
    pl     a location               -> <name>_unit, _room, _bed, _facility, _status
    cx     an identifier            -> <name>_id, _authority, _type
    ei     an entity identifier     -> <name>_id, _authority
    xcn    a person                 -> <name>_id, _family, _given, _authority
    cwe    a code                   -> <name>_code, _text, _system

A place is `PID-5.1.1`: field, component (default 1), subcomponent (default: all of the component).
No text of a message is classed N: a shifted field can put anything anywhere. How bytes become
columns is not known here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lakeward.core.errors import SpecError
from lakeward.lake.tables import Column, Phi, TableSpec

PARSER_VERSION = 1
"""Raised when the same spec gives other values; flat tables are then derived anew."""

Kind = Literal["text", "date", "ts", "pl", "cx", "ei", "xcn", "cwe"]

PARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "pl": (("unit", "1.1"), ("room", "2.1"), ("bed", "3.1"), ("facility", "4.1"), ("status", "5")),
    "cx": (("id", "1"), ("authority", "4.1"), ("type", "5")),
    "ei": (("id", "1"), ("authority", "2")),
    "xcn": (("id", "1"), ("family", "2.1"), ("given", "3"), ("authority", "9.1")),
    "cwe": (("code", "1"), ("text", "2"), ("system", "3")),
}

ENVELOPE = (
    Column("source", "VARCHAR", Phi.N, "Interface that delivered the message"),
    Column("received", "BIGINT", Phi.N, "Sequence number of the file within its source"),
    Column("file", "VARCHAR", Phi.LK, "Path below landing; names are the sender's"),
    Column("message", "BIGINT", Phi.N, "Number of the message in its file, from 1"),
    Column("day", "DATE", Phi.N, "Day of the delivery"),
    Column("segment", "BIGINT", Phi.N, "Place of the segment in the message, from 1"),
    Column("patient_group", "BIGINT", Phi.N, "Number of PID segments up to here"),
)
REPEAT = Column("repeat", "BIGINT", Phi.N, "Place of the repeat in its field, from 1")
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
        """Give the columns that hold this value."""
        text = Column(f"{self.name}_text", "VARCHAR", self.phi, f"{self.about}, as sent")
        if self.kind == "text":
            return (Column(self.name, "VARCHAR", self.phi, self.about),)
        if self.kind == "date":
            return (Column(self.name, "DATE", self.phi, self.about), text)
        return (
            text,
            Column(f"{self.name}_at", "TIMESTAMP WITH TIME ZONE", self.phi, self.about),
            Column(f"{self.name}_precision", "VARCHAR", Phi.N, "year to fraction"),
            Column(f"{self.name}_zone_source", "VARCHAR", Phi.N, "offset, interface or none"),
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
        """Give the name of the flat table."""
        return f"hl7v2__{self.segment.lower()}"


class _Child(BaseModel):
    model_config = ConfigDict(extra="forbid")
    table: str
    about: str
    fields: dict[str, str | None]
    columns: list[tuple[str, str, Kind, Phi, str]]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid")
    segment: str = Field(pattern=r"^[A-Z][A-Z0-9]{2}$")
    about: str
    columns: list[tuple[str, str, Kind, Phi, str]]
    children: list[_Child] = []


@lru_cache(maxsize=1)
def segment_specs() -> tuple[SegmentSpec, ...]:
    """Read all packaged specs, in order of segment."""
    folder = resources.files("lakeward.hl7v2").joinpath("specs")
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    return tuple(parse_spec(f.read_text(encoding="utf-8"), f.name) for f in files)


def parse_spec(text: str, where: str) -> SegmentSpec:
    """Read one spec.

    Raises:
        SpecError: The text is not a valid spec; says where and what.
    """
    try:
        spec = _Spec.model_validate(yaml.safe_load(text))
        leaves = _leaves(spec.columns, spec.segment)
        children = tuple(_child(c, spec.segment) for c in spec.children)
    except (ValidationError, ValueError, yaml.YAMLError) as error:
        raise SpecError(f"segment spec {where}", str(error).splitlines()[0]) from error
    return SegmentSpec(spec.segment, spec.about, leaves, children)


def main_table(spec: SegmentSpec) -> TableSpec:
    """Give the flat table of a segment."""
    return TableSpec(
        name=spec.table,
        columns=ENVELOPE + tuple(c for leaf in spec.leaves for c in leaf.columns()),
        description=spec.about,
        grain="One row per segment of a message",
    )


def child_table(child: ChildSpec) -> TableSpec:
    """Give the flat table of the repeats of some fields."""
    extra = (REPEAT, KIND) if child.has_kind else (REPEAT,)
    return TableSpec(
        name=f"hl7v2__{child.table}",
        columns=ENVELOPE + extra + tuple(c for leaf in child.leaves for c in leaf.columns()),
        description=child.about,
        grain="One row per repeat that holds a value",
    )


def flat_tables() -> tuple[TableSpec, ...]:
    """List every flat table, main ones and children."""
    return tuple(
        table
        for spec in segment_specs()
        for table in (main_table(spec), *(child_table(c) for c in spec.children))
    )


def spec_sha(spec: SegmentSpec | ChildSpec) -> str:
    """Give a short hash that changes when the rows of a table would."""
    content = json.dumps([PARSER_VERSION, asdict(spec)], sort_keys=True, default=str)
    return sha256(content.encode()).hexdigest()[:12]


def _child(child: _Child, segment: str) -> ChildSpec:
    fields = tuple((_place(p, segment)[0], kind) for p, kind in child.fields.items())
    columns = [(n, f"{segment}-0.{at}", k, p, a) for n, at, k, p, a in child.columns]
    return ChildSpec(child.table, child.about, fields, _leaves(columns, segment))


def _leaves(rows: list[tuple[str, str, Kind, Phi, str]], segment: str) -> tuple[Leaf, ...]:
    leaves = [leaf for row in rows for leaf in _expand(row, segment)]
    names = [c.name for leaf in leaves for c in leaf.columns()]
    if repeated := {n for n in names if names.count(n) > 1}:
        raise ValueError(f"columns named twice: {', '.join(sorted(repeated))}")
    return tuple(leaves)


def _expand(row: tuple[str, str, Kind, Phi, str], segment: str) -> list[Leaf]:
    name, at, kind, phi, about = row
    if phi is Phi.N:
        raise ValueError(f"{name}: text of a message cannot be classed N")
    if kind in ("text", "date", "ts"):
        return [Leaf(name, kind, *_place(at, segment), phi, about)]  # type: ignore[arg-type]
    field = at.split(".")[0]
    places = [(part, _place(f"{field}.{inner}", segment)) for part, inner in PARTS[kind]]
    return [Leaf(f"{name}_{p}", "text", *place, phi, f"{about}: {p}") for p, place in places]


def _place(at: str, segment: str) -> tuple[int, int, int]:
    head, _, rest = at.partition("-")
    numbers = rest.split(".")
    if head != segment or not 1 <= len(numbers) <= 3 or not all(n.isdigit() for n in numbers):
        raise ValueError(f"{at} is not a place in {segment}")
    field, component, subcomponent = (*map(int, numbers), *((1, 0)[len(numbers) - 1 :]))
    return field, component, subcomponent

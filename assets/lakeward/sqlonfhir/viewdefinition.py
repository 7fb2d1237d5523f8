"""The SQL-on-FHIR v2 ViewDefinition as data: reading it, and what can be checked without resources.

What a view compiles to is in `view`.

Source: SQL on FHIR v2, "StructureDefinition: ViewDefinition".
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lakeward.core.errors import SpecError
from lakeward.core.files import shown
from lakeward.core.phi import Phi

PHI_TAG = "lakeward/phi"
"""Name of the tag that carries a column's PHI class."""
_SQL_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"


class _ViewElement(BaseModel):
    """What the parts of a view have in common: an unknown property is an error, not a comment.

    A misspelt `forEeach` would otherwise make one row where many were meant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tag(_ViewElement):
    """A name and value attached to a column."""

    name: str
    value: str | None = None


class ViewColumn(_ViewElement):
    """One output column: the value of a path, or all of them with `collection`."""

    name: str = Field(pattern=_SQL_NAME)
    path: str
    type: str | None = None
    description: str = ""
    collection: bool = False
    tag: tuple[Tag, ...] = ()

    @property
    def phi(self) -> Phi:
        """PHI class from the `lakeward/phi` tag; without one `DI`, a direct identifier."""
        return next((Phi(t.value or "DI") for t in self.tag if t.name == PHI_TAG), Phi.DI)


class Select(_ViewElement):
    """A set of columns, repeated for each item of a path or of a recursion.

    Attributes:
        column: Its own columns.
        select: Nested selects; each row of one is put with each row of the others.
        union_all: Selects with the same columns, whose rows follow one another.
        for_each: Path; a row for each item, none without an item.
        for_each_or_null: Path; a row for each item, one of NULLs without an item.
        repeat: Paths that are followed again and again; a row for each item, at any depth.
    """

    column: tuple[ViewColumn, ...] = ()
    select: tuple["Select", ...] = ()
    union_all: tuple["Select", ...] = Field((), alias="unionAll")
    for_each: str | None = Field(None, alias="forEach", strict=True)
    for_each_or_null: str | None = Field(None, alias="forEachOrNull", strict=True)
    repeat: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_iteration(self) -> "Select":
        if sum(map(bool, (self.for_each, self.for_each_or_null, self.repeat))) > 1:
            raise ValueError("use one of forEach, forEachOrNull and repeat")
        return self

    @model_validator(mode="after")
    def _same_branches(self) -> "Select":
        # rows of all branches stand in one table: other names or types would
        # shift values between columns
        branches = [[(c.name, c.type) for c in branch.columns()] for branch in self.union_all]
        if any(branch != branches[0] for branch in branches):
            raise ValueError("branches of unionAll have different columns")
        return self

    def columns(self) -> list[ViewColumn]:
        """Return all output columns in order: own, then nested, then of the union."""
        nested = [c for select in self.select for c in select.columns()]
        # the first stands for all: they are equal, see `_same_branches`
        union = self.union_all[0].columns() if self.union_all else []
        return [*self.column, *nested, *union]


class Condition(_ViewElement):
    """A path that must be true for a resource to be used."""

    path: str
    description: str = ""


class ViewConstant(_ViewElement):
    """A value that expressions use as `%name`."""

    name: str = Field(pattern=_SQL_NAME)
    type: str
    value: str | bool | int | float

    @model_validator(mode="before")
    @classmethod
    def _value_of_any_type(cls, data: Any) -> Any:
        """Read `valueCode`, `valueInteger`, …: the name of the property says the type."""
        if not isinstance(data, dict) or "type" in data:
            return data
        values = [key for key in data if key.startswith("value")]
        if len(values) != 1:
            raise ValueError("a constant needs exactly one value[x]")
        kind = values[0].removeprefix("value")
        return {
            "name": data.get("name"),
            "type": kind[:1].lower() + kind[1:],
            "value": data[values[0]],
        }


class ViewDefinition(BaseModel):
    """A view of one resource type; descriptive properties of the standard are ignored.

    Attributes:
        resource: Resource type.
        name: Name of the view, and of its table.
        title: What it is, in a few words.
        description: What one row is.
        select: The columns.
        where: What must be true of a resource.
        constant: Values that expressions use.
        discriminator: Not of the standard: path of what distinguishes things that a source delivers
            under one id, see `fhir.flat.discriminators`.
    """

    # not `forbid`, as in its parts: `url`, `status`, `publisher` describe a view and make no rows
    model_config = ConfigDict(frozen=True, extra="ignore")

    resource: str = Field(min_length=1)
    name: str = "view"
    title: str = ""
    description: str = ""
    select: tuple[Select, ...] = Field(min_length=1)
    where: tuple[Condition, ...] = ()
    constant: tuple[ViewConstant, ...] = ()
    discriminator: str | None = None

    @model_validator(mode="after")
    def _distinct_names(self) -> "ViewDefinition":
        repeated = [n for n, times in Counter(c.name for c in self.columns()).items() if times > 1]
        if repeated:
            raise ValueError(f"column names are used twice: {', '.join(repeated)}")
        return self

    def columns(self) -> list[ViewColumn]:
        """Return all output columns in order."""
        return [c for select in self.select for c in select.columns()]


def parse_view(data: Any, where: str) -> ViewDefinition:
    """Read a ViewDefinition from parsed JSON.

    Raises:
        SpecError: It is not a ViewDefinition; the message names the property.
    """
    try:
        return ViewDefinition.model_validate(data)
    except ValidationError as error:
        # one error at a time: the first is often the cause of the others
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{where} {path}".strip(), first["msg"]) from error


def read_view(path: Path) -> ViewDefinition:
    """Read a ViewDefinition from a file.

    Raises:
        SpecError: The file is not JSON or not a ViewDefinition.
    """
    where = f"view {shown(path.name)}"
    try:
        return parse_view(json.loads(path.read_text("utf-8")), where)
    except (ValueError, OSError, RecursionError) as error:
        raise SpecError(where, "cannot be read as JSON") from error

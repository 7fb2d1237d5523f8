"""The SQL-on-FHIR v2 ViewDefinition as data: reading it and what can be checked without data.

What a view compiles to is in `rows`; the packaged views are in `views/`.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi

PHI_TAG = "lakeward/phi"
_SQL_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tag(_Part):
    """A name and value attached to a column."""

    name: str
    value: str | None = None


class ViewColumn(_Part):
    """One output column: the first value of a path, or all of them with `collection`."""

    name: str = Field(pattern=_SQL_NAME)
    path: str
    type: str | None = None
    description: str = ""
    collection: bool = False
    tag: tuple[Tag, ...] = ()

    @property
    def phi(self) -> Phi:
        """PHI class from the `lakeward/phi` tag; a column without one counts as `DI`."""
        return next((Phi(t.value or "DI") for t in self.tag if t.name == PHI_TAG), Phi.DI)


class Select(_Part):
    """A set of columns, repeated for each item of a path or of a recursion."""

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
        branches = [[(c.name, c.type) for c in branch.columns()] for branch in self.union_all]
        if any(branch != branches[0] for branch in branches):
            raise ValueError("branches of unionAll have different columns")
        return self

    def columns(self) -> list[ViewColumn]:
        """All output columns in order: own, then nested, then of the union."""
        nested = [c for select in self.select for c in select.columns()]
        union = self.union_all[0].columns() if self.union_all else []
        return [*self.column, *nested, *union]


class Condition(_Part):
    """A path that must be true for a resource to be used."""

    path: str
    description: str = ""


class ViewConstant(_Part):
    """A value that expressions use as `%name`."""

    name: str = Field(pattern=_SQL_NAME)
    type: str
    value: str | bool | int | float

    @model_validator(mode="before")
    @classmethod
    def _value_of_any_type(cls, data: Any) -> Any:
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
    """A view of one resource type; descriptive properties of the standard are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    resource: str = Field(min_length=1)
    name: str = "view"
    title: str = ""
    description: str = ""
    select: tuple[Select, ...] = Field(min_length=1)
    where: tuple[Condition, ...] = ()
    constant: tuple[ViewConstant, ...] = ()
    discriminator: str | None = None
    """Ours: path of what tells things apart that a feed tells under one id, see `index`."""

    @model_validator(mode="after")
    def _distinct_names(self) -> "ViewDefinition":
        repeated = [n for n, times in Counter(c.name for c in self.columns()).items() if times > 1]
        if repeated:
            raise ValueError(f"column names are used twice: {', '.join(repeated)}")
        return self

    def columns(self) -> list[ViewColumn]:
        """All output columns in order."""
        return [c for select in self.select for c in select.columns()]


def parse_view(data: Any, where: str) -> ViewDefinition:
    """Check a ViewDefinition.

    Raises:
        SpecError: It is not one; the message names the property.
    """
    try:
        return ViewDefinition.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{where} {place}".strip(), first["msg"]) from error


def read_view(path: Path) -> ViewDefinition:
    """Read a ViewDefinition from a file.

    Raises:
        SpecError: The file is not JSON or not a ViewDefinition.
    """
    where = f"view {path.name}"
    try:
        return parse_view(json.loads(path.read_text("utf-8")), where)
    except (ValueError, OSError) as error:
        raise SpecError(where, "cannot be read as JSON") from error

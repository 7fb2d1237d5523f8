"""Reads the file of a segment spec and reports on which line it is wrong.

Shape only: which keys, which kinds, which PHI classes. What a spec means is `segments`.
"""

from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi

Kind = Literal["text", "date", "ts", "pl", "cx", "ei", "xcn", "cwe"]
Path = tuple[str | int, ...]
"""Where something stands in a file: the keys and indices that lead there."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""Name of a column or table."""


def _never_plain(row: tuple[Name, str, Kind, Phi, str]) -> tuple[Name, str, Kind, Phi, str]:
    if row[3] is Phi.N:
        raise ValueError("text of a message cannot be classed N")
    return row


ColumnLine = Annotated[tuple[Name, str, Kind, Phi, str], AfterValidator(_never_plain)]
"""One line: column, element, kind, PHI class, what it is about."""


class ChildFile(BaseModel):
    """A child table as written."""

    model_config = ConfigDict(extra="forbid")
    table: Name
    about: str
    fields: dict[str, str | None]
    columns: list[ColumnLine]


class SpecFile(BaseModel):
    """A segment spec as written."""

    model_config = ConfigDict(extra="forbid")
    segment: str = Field(pattern=r"^[A-Z][A-Z0-9]{2}$")
    about: str
    columns: list[ColumnLine] = []
    children: list[ChildFile] = []


def read_spec_file(text: str, where: str) -> SpecFile:
    """Read a spec file.

    Raises:
        SpecError: It is not YAML or not of the shape; says the line.
    """
    try:
        return SpecFile.model_validate(_content(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise SpecError(f"segment spec {where} line {line}", "not YAML", "YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        what = first["msg"].removeprefix("Value error, ")
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise spec_error(text, where, first["loc"], f"{place}: {what}") from error


def _content(text: str) -> Any:
    """Load with the fast loader; the slow one reads a wrong file again, for its better message."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    except yaml.YAMLError:
        return yaml.safe_load(text)


def spec_error(text: str, where: str, path: Path, what: str) -> SpecError:
    """Build the error for something that stands at a path of a file."""
    return SpecError(
        f"segment spec {where} line {_line(_composed(text), path)}",
        what,
        "[column, element, kind, PHI class, about] for a column",
        "see docs/how-to/add-an-hl7-field.md",
    )


def _composed(text: str) -> Any:
    """Return the tree of a file with its lines; None where only the fast loader can read it.

    The two loaders disagree on some texts, such as a tab before a key: the fast one takes it, and
    looking for the line of another mistake ended in the error of the slow one.
    """
    try:
        return yaml.compose(text)
    except yaml.YAMLError:
        return None


def _line(node: Any, path: Path) -> int:
    """Find the line, from 1, of the node that a path leads to, as far as it leads."""
    line = node.start_mark.line + 1 if node else 1
    if not path or node is None or isinstance(node, yaml.ScalarNode):
        return line
    key, *rest = path
    if isinstance(node, yaml.SequenceNode):
        inner = node.value[key] if isinstance(key, int) and key < len(node.value) else None
    else:
        inner = next((value for name, value in node.value if name.value == key), None)
    return _line(inner, tuple(rest)) if inner is not None else line

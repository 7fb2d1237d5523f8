"""What an expression compiles to: a collection in SQL with its FHIR type, and walking from it.

FHIRPath knows only collections. In SQL a collection is a value that may be NULL when it can hold at
most one item, and a list without NULLs otherwise:

    birthDate       r.birthDate                              NULL is the empty collection
    name            r.name, NULLs dropped                    a NULL list is empty, too
    name.family     r.name[*].family, NULLs dropped
    value           no SQL of its own: a choice, whose type `ofType()` selects (valueQuantity, …)

Functions and operators are in `functions` and `operators`.

Source: FHIRPath 2.0, section 2 "Navigation Model"; FHIR R4, "FHIRPath" for choices and extensions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lakeward.core.errors import SpecError
from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.fhirpath import problem
from lakeward.sqlonfhir.schema import element, is_primitive
from lakeward.sqlonfhir.sql import Names, Sql
from lakeward.sqlonfhir.structure import Node

NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})
INTEGERS = NUMBERS - {"decimal"}
TIMES = frozenset({"date", "dateTime", "instant", "time"})


class NoElementError(SpecError):
    """Raised when a type has no element of that name."""


@dataclass(frozen=True)
class Value:
    """A compiled collection.

    Attributes:
        sql: The SQL of it.
        type: FHIR type of its items; empty for `{}` and for a choice, which have none yet.
        many: Whether `sql` is a list.
        node: Where its items stand in the parsed JSON; None for computed values.
        choices: For a choice element not yet narrowed, type to JSON property; `sql` and `node` are
            then those of the parent.
        sibling: For a primitive, the parent and property, where `_property` holds its extensions.
    """

    sql: Sql
    type: str
    many: bool = False
    node: Node | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    sibling: tuple["Value", str] | None = None


@dataclass
class Build:
    """What is shared while one view is compiled.

    The structure of a parse is complete only when the whole view is compiled. Until then the SQL
    holds a marker instead.

    Attributes:
        names: Fresh names of lambda parameters.
        open: Nodes of the parses begun, by their marker.
    """

    names: Names = field(default_factory=Names)
    open: dict[str, Node] = field(default_factory=dict)

    def parse(self, json_text: Sql, kind: str) -> Value:
        """Compile JSON text read as a FHIR type; `close` fills in which elements are used."""
        marker, node = f"@structure {len(self.open)}@", Node(kind)
        self.open[marker] = node
        return Value(sql.call("from_json", json_text, sql.text(marker)), kind, node=node)

    def close(self, text: str) -> str:
        """Return the text of the finished statement with the structures in it."""
        for marker, node in self.open.items():
            text = text.replace(f"'{marker}'", f"'{json.dumps(node.structure())}'")
        return text


@dataclass(frozen=True)
class Scope:
    """What an expression can refer to where it stands (FHIRPath calls it the evaluation context).

    Attributes:
        build: What the whole view shares.
        this: The focus, `$this`: what a path starts from.
        resource: The whole resource, `%resource`.
        row_index: `%rowIndex`: number of the row within its `forEach`, from 0.
        constants: The constants of the view, `%name`.
        where: View and path, for errors.
        index: `$index` inside a criterion: number of the item, from 0; None elsewhere.
    """

    build: Build
    this: Value
    resource: Value
    row_index: Sql
    constants: Mapping[str, Value]
    where: str
    index: Sql | None = None

    def at(self, where: str) -> "Scope":
        """Return the same scope for another path of the view."""
        return replace(self, where=where)

    def inside(self, this: Value, index: Sql | None = None) -> "Scope":
        """Return the scope of a criterion, whose focus is an item."""
        return replace(self, this=this, index=index)

    def error(self, what: str, position: int, expected: str = "") -> SpecError:
        """Build an error that says where: view, path and character."""
        return problem(self.where, what, expected, position)


def item_of(value: Value, item: Sql) -> Value:
    """Return one item of a collection as a collection of its own."""
    return replace(value, sql=item, many=False, sibling=None)


def empty(kind: str = "") -> Value:
    """Return the empty collection."""
    return Value(sql.null(), kind)


def member(value: Value, name: str, scope: Scope, position: int) -> Value:
    """Compile the walk to an element of each item.

    Raises:
        SpecError: The type has no such element.
    """
    if is_primitive(value.type) and name == "extension" and value.sibling:
        return _primitive_extension(value, scope)
    if not value.type and not value.choices:  # `{}`: nothing is in it, whatever the name
        return value
    if value.choices:
        raise scope.error("walks into a choice element", position, "ofType() before it")
    if value.node is None or is_primitive(value.type):
        raise scope.error("walks into a value without elements", position)
    found = element(value.type, name)
    if found is None:
        where = f"{scope.where} at character {position + 1}"
        raise NoElementError(where, f"{value.type} has no element `{name}`")
    if found.choices:
        return replace(value, type="", choices=found.choices)
    return replace(
        _property(value, found.name, found.type, many=found.many, names=scope.build.names),
        sibling=(value, found.name) if is_primitive(found.type) and not found.many else None,
    )


def narrow(value: Value, kind: str, scope: Scope) -> Value:
    """Compile the items of one type: `ofType(kind)`."""
    kind = kind.removeprefix("FHIR.").removeprefix("System.").strip("`")
    if not value.choices:  # `System.String` and FHIR's `string` are taken as one
        lowered = kind[0].lower() + kind[1:]
        return value if value.type in (kind, lowered) else empty(kind)
    name = value.choices.get(kind)
    if name is None:
        return empty(kind)
    return _property(value, name, kind, many=False, names=scope.build.names)


def _property(value: Value, name: str, kind: str, *, many: bool, names: Names) -> Value:
    """Compile the walk to a JSON property; a list of lists is put into one."""
    # The node is part of the parse, so asking for a property is what makes DuckDB read it. JSON may
    # hold nulls in lists (beside `_given`); FHIRPath has no null, so they are dropped.
    node = (value.node or Node(value.type)).child(name, kind, many=many)
    if not value.many:
        found = sql.field(value.sql, name)
        return Value(sql.present(found, names) if many else found, kind, many, node)
    fields = sql.each(value.sql, names, lambda item, _: sql.field(item, name))
    return Value(
        sql.present(sql.flatten(fields) if many else fields, names), kind, many=True, node=node
    )


def _primitive_extension(value: Value, scope: Scope) -> Value:
    """Compile `birthDate.extension`, which stands in the property `_birthDate` beside it."""
    parent, name = value.sibling or (value, "")
    element_ = _property(parent, f"_{name}", "Element", many=False, names=scope.build.names)
    return _property(element_, "extension", "Extension", many=True, names=scope.build.names)


def single(value: Value, scope: Scope, position: int) -> Value:
    """Compile the only item; several fail when the view is run.

    Source: FHIRPath 2.0, section 4.5 "Singleton Evaluation of Collections".
    """
    if not value.many:
        return value
    message = f"{scope.where} at character {position + 1}: more than one value where one may be"
    return replace(value, sql=sql.only(value.sql, message), many=False)


def as_list(value: Value) -> Sql:
    """Compile the collection as a list, also when it is one value."""
    if value.many:
        return sql.coalesce(value.sql, sql.array())
    return sql.case((sql.not_null(value.sql), sql.array(value.sql)), default=sql.array())


def exists(value: Value) -> Sql:
    """Compile whether the collection has an item."""
    if value.choices:  # `deceased.exists()`: any of deceasedBoolean and deceasedDateTime
        options = [_option(value, kind, name) for kind, name in value.choices.items()]
        result = options[0]
        for option in options[1:]:
            result = sql.binary("or", result, option)
        return result
    return (
        sql.binary(">", sql.size(value.sql), sql.number(0))
        if value.many
        else sql.not_null(value.sql)
    )


def _option(value: Value, kind: str, name: str) -> Sql:
    return exists(_property(value, name, kind, many=False, names=Names()))


def truth(value: Value, scope: Scope, position: int) -> Sql:
    """Compile a condition: a boolean as it is, an item of another type as true."""
    if value.type == "boolean":
        return single(value, scope, position).sql
    if not value.type and not value.choices:  # `{}`: unknown
        return sql.null("BOOLEAN")
    # NULL, not false, without an item: the empty collection is unknown, too
    return sql.case((exists(value), sql.boolean(True)))  # noqa: FBT003

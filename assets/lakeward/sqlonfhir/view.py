"""A ViewDefinition to one SQL statement: which rows and columns a resource gives.

Inside a resource everything is expressions over structs and lists, so that it is parsed once and
needs no joins; one `unnest` at the end makes the rows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce

from lakeward.core.errors import SpecError
from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.expression import compile_path, literal
from lakeward.sqlonfhir.repeat import recursion
from lakeward.sqlonfhir.schema import PRIMITIVES, is_type
from lakeward.sqlonfhir.sql import Sql
from lakeward.sqlonfhir.structure import Node, merged
from lakeward.sqlonfhir.values import (
    Build,
    Context,
    Value,
    as_list,
    item_of,
    single,
)
from lakeward.sqlonfhir.viewdefinition import Select, ViewColumn, ViewDefinition

TYPED = {
    **PRIMITIVES,
    "date": "DATE",
    "dateTime": "TIMESTAMP WITH TIME ZONE",
    "instant": "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True)
class Rows:
    """What a select gives in a context: plain columns, and a list of structs for repeated ones."""

    columns: dict[str, Sql] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    items: Sql | None = None


@dataclass(frozen=True)
class CompiledView:
    """A view ready to run.

    Attributes:
        view: Where it came from.
        types: DuckDB type of each output column, in order.
        used: The part of a resource that it reads.
        statement: SQL over a relation `{parsed}` with a resource as the struct `r`; `{carried}`
            are the columns that are passed through.
    """

    view: ViewDefinition
    types: Mapping[str, str]
    used: Node
    statement: str

    def over(self, relation: str, carried: Sequence[str] = ()) -> str:
        """Give the SQL over a relation of this view's resource type, with a column `resource`."""
        return self.over_parsed(f"({parsing(relation, self.used, carried)})", carried)

    def over_parsed(self, relation: str, carried: Sequence[str] = ()) -> str:
        """Give the SQL over what `parsing` gave, with the structure of this view or a wider one."""
        names = _carried(carried)
        return self.statement.replace("{carried}", names).replace("{parsed}", relation)


def parsing(relation: str, used: Node, carried: Sequence[str] = ()) -> str:
    """Give the SQL that parses each resource of a relation once, into the struct `r`."""
    structure = json.dumps(used.structure())
    return f"select {_carried(carried)}from_json(resource, '{structure}') as r from {relation}"


def together(views: Iterable[CompiledView]) -> list[tuple[Node, list[CompiledView]]]:
    """Put views of one resource type together that can read one parse of it.

    Nearly always that is all of them: only a view that wants an element as JSON stands apart from
    one that wants its parts.
    """
    groups: list[tuple[Node, list[CompiledView]]] = []
    for view in views:
        for number, (used, members) in enumerate(groups):
            if wider := merged(used, view.used):
                groups[number] = (wider, [*members, view])
                break
        else:
            groups.append((view.used, [view]))
    return groups


def _carried(names: Sequence[str]) -> str:
    return "".join(f'"{name}", ' for name in names)


@lru_cache(maxsize=512)
def compile_view(view: ViewDefinition, *, typed: bool = True) -> CompiledView:
    """Compile a view.

    Args:
        view: The view.
        typed: Dates and instants as such; otherwise with their text as delivered.

    Raises:
        SpecError: An expression is wrong or not supported; names view, path and position.
    """
    where = f"view {view.name}"
    if not is_type(view.resource):
        raise SpecError(f"{where} resource", "is not a FHIR R4 type")
    build = Build()
    used = Node(view.resource)
    root = Value(sql.name("r"), view.resource, node=used)
    constants = {c.name: _constant(c.value, c.type) for c in view.constant}
    context = Context(build, root, root, sql.cast(sql.number(0), "BIGINT"), constants, where)
    compiler = _Compiler(context, typed=typed)
    factors = compiler.factors(view.select, "select", context)
    conditions = [
        _condition(c.path, context.at(f"{where} where[{n}]")) for n, c in enumerate(view.where)
    ]
    try:
        used.structure()
    except SpecError as error:
        raise SpecError(where, f"{error.where} {error.what}") from None
    types = {c.name: compiler.types[c.name] for c in view.columns()}
    return CompiledView(
        view, types, used, build.close(_statement(factors, list(types), conditions))
    )


def _statement(factors: Sequence[Rows], order: Sequence[str], conditions: Sequence[Sql]) -> str:
    """Unnest one factor after another: crossed as lists they took ten times as long."""
    columns = {n: e for rows in factors for n, e in rows.columns.items()}
    repeated = [(rows.names, rows.items) for rows in factors if rows.items is not None]
    place = {n: number for number, (names, _) in enumerate(repeated) for n in names}
    inner = [f'{sql.render(e)} as "{n}"' for n, e in columns.items()]
    inner += [f'{sql.render(items)} as "items {k}"' for k, (_, items) in enumerate(repeated)]
    outer = [
        f'"{n}"'
        if n in columns
        else f'{sql.render(sql.field(sql.name(f"rows {place[n]}"), n))} as "{n}"'
        for n in order
    ]
    condition = " and ".join(f"({sql.render(c)})" for c in conditions)
    steps = [
        "view_rows as (select {carried}"
        + ", ".join(inner)
        + " from {parsed}"
        + (f" where {condition}" if condition else "")
        + ")"
    ]
    last = "view_rows"
    for k in range(len(repeated)):
        unnested = f'* exclude ("items {k}"), unnest("items {k}") as "rows {k}"'
        steps.append(f"unnested_{k} as (select {unnested} from {last})")
        last = f"unnested_{k}"
    return "with " + ", ".join(steps) + "\nselect {carried}" + ", ".join(outer) + f" from {last}"


def _constant(value: str | bool | float, kind: str) -> Value:  # noqa: FBT001  a constant may be one
    return literal(value if isinstance(value, bool) else str(value), kind)


def _condition(path: str, context: Context) -> Sql:
    value = compile_path(path, context)
    if value.type not in ("boolean", ""):
        raise context.error("is not a condition", 0, "an expression that gives a boolean")
    return single(value, context, 0).sql


@dataclass
class _Compiler:
    """Walks the selects of one view; notes the SQL type of each column."""

    root: Context
    typed: bool
    types: dict[str, str] = field(default_factory=dict)

    def factors(self, selects: Sequence[Select], path: str, context: Context) -> list[Rows]:
        """Give the rows of each select, not yet crossed."""
        return [self._select(s, f"{path}[{n}]", context) for n, s in enumerate(selects)]

    def selects(self, selects: Sequence[Select], path: str, context: Context) -> Rows:
        return reduce(self._cross, self.factors(selects, path, context), Rows())

    def _select(self, select: Select, path: str, context: Context) -> Rows:
        repeat = select.for_each or select.for_each_or_null
        if select.repeat:
            items = recursion(select.repeat, context.at(f"{self.root.where} {path}.repeat"))
        elif repeat:
            keyword = "forEach" if select.for_each else "forEachOrNull"
            items = compile_path(repeat, context.at(f"{self.root.where} {path}.{keyword}"))
        else:
            return self._body(select, path, context)
        return self._repeated(select, path, context, items)

    def _repeated(self, select: Select, path: str, context: Context, items: Value) -> Rows:
        listed = as_list(items)
        if select.for_each_or_null:
            none = sql.binary("=", sql.size(listed), sql.number(0))
            listed = sql.case((none, sql.array(sql.nothing())), default=listed)
        names: tuple[str, ...] = ()

        def body(item: Sql, index: Sql) -> Sql:
            nonlocal names
            position = sql.binary("-", index, sql.number(1))
            inner = replace(context, this=item_of(items, item), row_index=position)
            rows = self._body(select, path, inner)
            names = (*rows.columns, *rows.names)
            return self._as_list(rows)

        result = sql.flatten(sql.each(listed, context.build.names, body))
        return Rows({}, names, result)

    def _body(self, select: Select, path: str, context: Context) -> Rows:
        columns = {
            c.name: self._column(c, context.at(f"{self.root.where} {path}.column[{n}]"))
            for n, c in enumerate(select.column)
        }
        rows = self._cross(Rows(columns), self.selects(select.select, f"{path}.select", context))
        if not select.union_all:
            return rows
        branches = [
            self._select(branch, f"{path}.unionAll[{n}]", context)
            for n, branch in enumerate(select.union_all)
        ]
        names = tuple(c.name for c in select.union_all[0].columns())
        lists = [self._as_list(branch, names) for branch in branches]
        united = lists[0] if len(lists) == 1 else sql.flatten(sql.array(*lists))
        return self._cross(rows, Rows({}, names, united))

    def _as_list(self, rows: Rows, names: Sequence[str] | None = None) -> Sql:
        """Give rows as a list of structs with all columns, in a given order."""
        names = names or (*rows.columns, *rows.names)

        def merged(item: Sql) -> Sql:
            fields = {n: rows.columns.get(n) or sql.field(item, n) for n in names}
            return sql.pack(fields)

        if rows.items is None:
            return sql.array(sql.pack({n: rows.columns[n] for n in names}))
        return sql.each(rows.items, self.root.build.names, lambda item, _: merged(item))

    def _cross(self, left: Rows, right: Rows) -> Rows:
        """Put every row of one with every row of the other."""
        columns = {**left.columns, **right.columns}
        if left.items is None or right.items is None:
            one = left if left.items is not None else right
            return Rows(columns, one.names, one.items)
        names, build = (*left.names, *right.names), self.root.build

        def pairs(a: Sql) -> Sql:
            fields = {n: sql.field(a, n) for n in left.names}
            return sql.each(
                right.items,
                build.names,
                lambda b, _: sql.pack({**fields, **{n: sql.field(b, n) for n in right.names}}),
            )

        crossed = sql.flatten(sql.each(left.items, build.names, lambda a, _: pairs(a)))
        return Rows(columns, names, crossed)

    def _column(self, column: ViewColumn, context: Context) -> Sql:
        value = compile_path(column.path, context)
        if value.choices:
            raise context.error("gives a choice element", 0, "ofType()")
        kind = column.type or value.type or "string"
        type_ = (TYPED if self.typed else PRIMITIVES).get(kind, "VARCHAR")
        if value.node is not None and value.type not in PRIMITIVES:
            value.node.as_json = True
        attempt = type_ != "VARCHAR"
        self.types[column.name] = f"{type_}[]" if column.collection else type_
        if column.collection:
            return sql.cast(as_list(value), f"{type_}[]", attempt=attempt)
        message = f"{context.where}: more than one value; set collection or take the first()"
        one = sql.only(value.sql, message) if value.many else value.sql
        return sql.cast(one, type_, attempt=attempt)

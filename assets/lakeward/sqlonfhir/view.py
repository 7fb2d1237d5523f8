"""A ViewDefinition to one SQL statement: which rows and columns a resource becomes.

Inside a resource everything is an expression over structs and lists. So a resource is parsed once
and no joins are needed; the rows are made by `unnest` at the end. A view of a Patient with a plain
column and a `forEach` becomes, shortened:

    {"select": [{"column": [{"name": "id", "path": "id"}]},
                {"forEach": "name", "column": [{"name": "family", "path": "family"}]}]}

    with view_rows as (
        select r.id as "id",                                               a plain column
            list_transform(r.name, lambda x: {family: x.family}) as "items 0"   a list of structs
        from (select from_json(resource, '<structure>') as r from <relation>)),
    unnested_0 as (
        select * exclude ("items 0"), unnest("items 0") as "rows 0" from view_rows)
    select "id", "rows 0".family from unnested_0

Each top-level `select` is a factor of a cross product. A factor with `forEach`, `repeat` or
`unionAll` becomes a list; one that is nested in another is crossed with it inside the expression.

Source: SQL on FHIR v2, "View Definition" and "Functional Model".
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce

from lakeward.core.errors import SpecError
from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.expression import compile_literal, compile_path
from lakeward.sqlonfhir.repeat import compile_repeat
from lakeward.sqlonfhir.schema import PRIMITIVES, is_type
from lakeward.sqlonfhir.sql import Sql
from lakeward.sqlonfhir.structure import Node, merge_nodes
from lakeward.sqlonfhir.values import (
    Build,
    Scope,
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
"""FHIR primitive types and their DuckDB types in a table; dates and instants are read as such."""


@dataclass(frozen=True)
class RowPlan:
    """What a select compiles to.

    Attributes:
        columns: Plain columns, the same in each row.
        names: Names of the columns that differ from row to row.
        items: A list with a struct of those for each row; None when there is one row.
    """

    columns: dict[str, Sql] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    items: Sql | None = None


@dataclass(frozen=True)
class CompiledView:
    """A view ready to run.

    Attributes:
        view: The definition.
        types: DuckDB type of each output column, in order.
        used: The part of a resource that it reads.
        statement: SQL over a relation `{parsed}`, in which the struct `r` is a resource;
        `{carried}`
            are the columns that are passed through, such as where the resource comes from.
    """

    view: ViewDefinition
    types: Mapping[str, str]
    used: Node
    statement: str

    def over(self, relation: str, carried: Sequence[str] = ()) -> str:
        """Return the SQL over a relation of this view's resource type.

        Args:
            relation: A name or a subquery with the column `resource`, JSON text.
            carried: Other columns of it that each row keeps.
        """
        return self.over_parsed(f"({parsing(relation, self.used, carried)})", carried)

    def over_parsed(self, relation: str, carried: Sequence[str] = ()) -> str:
        """Return the SQL over what `parsing` returned for this view or a group that it is in."""
        names = _carried(carried)
        return self.statement.replace("{carried}", names).replace("{parsed}", relation)


def parsing(relation: str, used: Node, carried: Sequence[str] = ()) -> str:
    """Return the SQL that parses each resource of a relation once, into the struct `r`."""
    structure = json.dumps(used.structure())
    return f"select {_carried(carried)}from_json(resource, '{structure}') as r from {relation}"


def together(views: Iterable[CompiledView]) -> list[tuple[Node, list[CompiledView]]]:
    """Group views of one resource type that can read one parse of it.

    Parsing is most of the work, and nearly always all views of a type can share it: only a view
    that reads an element as JSON cannot share with one that reads its parts.

    Returns:
        For each group, the part of the resource that is to be parsed, and its views.
    """
    groups: list[tuple[Node, list[CompiledView]]] = []
    for view in views:
        for number, (used, members) in enumerate(groups):
            if wider := merge_nodes(used, view.used):
                groups[number] = (wider, [*members, view])
                break
        else:
            groups.append((view.used, [view]))
    return groups


def _carried(names: Sequence[str]) -> str:
    return "".join(f'"{name}", ' for name in names)


@lru_cache(maxsize=512)
def compile_view(view: ViewDefinition, *, typed: bool = True) -> CompiledView:
    """Compile a view; the result is kept, as views are compiled again for every slice of a load.

    Args:
        view: The view.
        typed: Whether dates and instants are cast to SQL's; else they keep their text as delivered.

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
    scope = Scope(build, root, root, sql.cast(sql.number(0), "BIGINT"), constants, where)
    compiler = _Compiler(scope, typed=typed)
    factors = compiler.factors(view.select, "select", scope)
    conditions = [
        _condition(c.path, scope.at(f"{where} where[{n}]")) for n, c in enumerate(view.where)
    ]
    # an element used both as JSON and by its parts is found out only now, when all paths are known
    try:
        used.structure()
    except SpecError as error:
        raise SpecError(where, f"{error.where} {error.what}") from None
    types = {c.name: compiler.types[c.name] for c in view.columns()}
    return CompiledView(
        view, types, used, build.close(_statement(factors, list(types), conditions))
    )


def _statement(factors: Sequence[RowPlan], order: Sequence[str], conditions: Sequence[Sql]) -> str:
    """Write the statement: one factor is unnested after another.

    Crossing them as lists first, with one `unnest` at the end, took ten times as long.

    Args:
        factors: The selects of the view.
        order: Names of all columns as the view lists them.
        conditions: What must be true of a resource.
    """
    columns = {n: e for rows in factors for n, e in rows.columns.items()}
    repeated = [(rows.names, rows.items) for rows in factors if rows.items is not None]
    factor_of = {n: number for number, (names, _) in enumerate(repeated) for n in names}
    # Factor k is the list "items k" in `view_rows`, and one struct of it, "rows k", once unnested.
    inner = [f'{sql.render(e)} as "{n}"' for n, e in columns.items()]
    inner += [f'{sql.render(items)} as "items {k}"' for k, (_, items) in enumerate(repeated)]
    outer = [
        f'"{n}"'
        if n in columns
        else f'{sql.render(sql.field(sql.name(f"rows {factor_of[n]}"), n))} as "{n}"'
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
    # `unnest` of an empty list drops the row, as a `forEach` without items must
    last = "view_rows"
    for k in range(len(repeated)):
        unnested = f'* exclude ("items {k}"), unnest("items {k}") as "rows {k}"'
        steps.append(f"unnested_{k} as (select {unnested} from {last})")
        last = f"unnested_{k}"
    return "with " + ", ".join(steps) + "\nselect {carried}" + ", ".join(outer) + f" from {last}"


def _constant(value: str | bool | float, kind: str) -> Value:  # noqa: FBT001  a constant may be one
    return compile_literal(value if isinstance(value, bool) else str(value), kind)


def _condition(path: str, scope: Scope) -> Sql:
    """Compile a condition on the resource; empty counts as false, as NULL does in `where`."""
    value = compile_path(path, scope)
    if value.type not in ("boolean", ""):
        raise scope.error("is not a condition", 0, "an expression of type boolean")
    return single(value, scope, 0).sql


@dataclass
class _Compiler:
    """Walks the selects of one view; notes the SQL type of each column.

    Attributes:
        root: The scope of the resource.
        typed: Whether dates and instants are cast to SQL's.
        types: DuckDB type of each column compiled so far.
    """

    root: Scope
    typed: bool
    types: dict[str, str] = field(default_factory=dict)

    def factors(self, selects: Sequence[Select], path: str, scope: Scope) -> list[RowPlan]:
        """Compile the rows of each select, not yet crossed."""
        return [self._select(s, f"{path}[{n}]", scope) for n, s in enumerate(selects)]

    def selects(self, selects: Sequence[Select], path: str, scope: Scope) -> RowPlan:
        """Compile the rows of selects, crossed with one another."""
        return reduce(self._cross, self.factors(selects, path, scope), RowPlan())

    def _select(self, select: Select, path: str, scope: Scope) -> RowPlan:
        repeat = select.for_each or select.for_each_or_null
        if select.repeat:
            items = compile_repeat(select.repeat, scope.at(f"{self.root.where} {path}.repeat"))
        elif repeat:
            keyword = "forEach" if select.for_each else "forEachOrNull"
            items = compile_path(repeat, scope.at(f"{self.root.where} {path}.{keyword}"))
        else:
            return self._body(select, path, scope)
        return self._repeated(select, path, scope, items)

    def _repeated(self, select: Select, path: str, scope: Scope, items: Value) -> RowPlan:
        """Compile a select once for each item of a collection."""
        listed = as_list(items)
        if select.for_each_or_null:  # an empty list becomes one row, of which each column is NULL
            none = sql.binary("=", sql.size(listed), sql.number(0))
            listed = sql.case((none, sql.array(sql.nothing())), default=listed)
        # the names of the columns are known when the body has been compiled, inside the lambda
        names: tuple[str, ...] = ()

        def body(item: Sql, index: Sql) -> Sql:
            nonlocal names
            position = sql.binary("-", index, sql.number(1))
            inner = replace(scope, this=item_of(items, item), row_index=position)
            rows = self._body(select, path, inner)
            names = (*rows.columns, *rows.names)
            return self._as_list(rows)

        result = sql.flatten(sql.each(listed, scope.build.names, body))
        return RowPlan({}, names, result)

    def _body(self, select: Select, path: str, scope: Scope) -> RowPlan:
        """Compile a select for one item: its columns, crossed with nested selects and the union."""
        columns = {
            c.name: self._column(c, scope.at(f"{self.root.where} {path}.column[{n}]"))
            for n, c in enumerate(select.column)
        }
        rows = self._cross(RowPlan(columns), self.selects(select.select, f"{path}.select", scope))
        if not select.union_all:
            return rows
        branches = [
            self._select(branch, f"{path}.unionAll[{n}]", scope)
            for n, branch in enumerate(select.union_all)
        ]
        # all branches give the same columns, in the order of the first: structs of one type, so
        # that their rows fit into one list
        names = tuple(c.name for c in select.union_all[0].columns())
        lists = [self._as_list(branch, names) for branch in branches]
        united = lists[0] if len(lists) == 1 else sql.flatten(sql.array(*lists))
        return self._cross(rows, RowPlan({}, names, united))

    def _as_list(self, rows: RowPlan, names: Sequence[str] | None = None) -> Sql:
        """Compile rows as a list of structs with all columns, in a given order."""
        names = names or (*rows.columns, *rows.names)

        def with_columns(item: Sql) -> Sql:
            fields = {n: rows.columns.get(n) or sql.field(item, n) for n in names}
            return sql.pack(fields)

        if rows.items is None:
            return sql.array(sql.pack({n: rows.columns[n] for n in names}))
        return sql.each(rows.items, self.root.build.names, lambda item, _: with_columns(item))

    def _cross(self, left: RowPlan, right: RowPlan) -> RowPlan:
        """Compile every row of one with every row of the other."""
        # plain columns are the same in each row: only where both sides are lists is there work to
        # do
        columns = {**left.columns, **right.columns}
        if left.items is None or right.items is None:
            one = left if left.items is not None else right
            return RowPlan(columns, one.names, one.items)
        names, build = (*left.names, *right.names), self.root.build

        def pairs(a: Sql) -> Sql:
            fields = {n: sql.field(a, n) for n in left.names}
            return sql.each(
                right.items,
                build.names,
                lambda b, _: sql.pack({**fields, **{n: sql.field(b, n) for n in right.names}}),
            )

        crossed = sql.flatten(sql.each(left.items, build.names, lambda a, _: pairs(a)))
        return RowPlan(columns, names, crossed)

    def _column(self, column: ViewColumn, scope: Scope) -> Sql:
        value = compile_path(column.path, scope)
        if value.choices:
            raise scope.error("gives a choice element", 0, "ofType()")
        kind = column.type or value.type or "string"
        type_ = (TYPED if self.typed else PRIMITIVES).get(kind, "VARCHAR")
        if value.node is not None and value.type not in PRIMITIVES:
            value.node.as_json = True  # a column of an element with parts holds its JSON
        # a text that is no date becomes NULL: one wrong value must not stop the whole table
        attempt = type_ != "VARCHAR"
        self.types[column.name] = f"{type_}[]" if column.collection else type_
        is_time = self.typed and type_ in (TYPED["date"], TYPED["instant"])
        if column.collection and is_time:
            names = self.root.build.names
            return sql.each(as_list(value), names, lambda item, _: sql.cast_time(item, type_))
        if column.collection:
            return sql.cast(as_list(value), f"{type_}[]", attempt=attempt)
        message = f"{scope.where}: more than one value; set collection or take the first()"
        one = sql.only(value.sql, message) if value.many else value.sql
        return sql.cast_time(one, type_) if is_time else sql.cast(one, type_, attempt=attempt)

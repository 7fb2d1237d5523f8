"""SQL expressions over structs and lists, built with sqlglot.

Everything that a ViewDefinition compiles to goes through these few verbs, so another engine costs
one dialect here. Nothing in this module knows FHIR.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from sqlglot import exp

Sql = Any
"""A sqlglot expression; verbs copy operands that stand elsewhere, so they may be used again."""


class Names:
    """Hands out lambda parameters that do not collide."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def fresh(self) -> str:
        """Give a name not used before."""
        return f"x{next(self._numbers)}"


def _own(value: Sql) -> Sql:
    """Give an expression that may be put into another: itself when it stands nowhere yet."""
    return value if value.parent is None else value.copy()


def call(name: str, *args: Sql) -> Sql:
    """Call a function by its DuckDB name."""
    return exp.Anonymous(this=name, expressions=[_own(a) for a in args])


def name(text: str) -> Sql:
    """Refer to a column or a lambda parameter."""
    return exp.column(exp.to_identifier(text, quoted=True))


def text(value: str) -> Sql:
    """A string constant."""
    return exp.Literal.string(value)


def number(value: int | str) -> Sql:
    """A numeric constant."""
    return exp.Literal.number(value)


def boolean(value: bool) -> Sql:  # noqa: FBT001  the value is the point
    """A boolean constant."""
    return exp.Boolean(this=value)


def null(kind: str = "VARCHAR") -> Sql:
    """A typed NULL."""
    return cast(nothing(), kind)


def nothing() -> Sql:
    """NULL of whatever type its place wants."""
    return exp.Null()


def cast(value: Sql, kind: str, *, attempt: bool = False) -> Sql:
    """Cast to a DuckDB type; `attempt` gives NULL where the cast fails."""
    node = exp.TryCast if attempt else exp.Cast
    return node(this=_own(value), to=exp.DataType.build(kind, dialect="duckdb"))


def field(struct: Sql, key: str) -> Sql:
    """Take a field of a struct; NULL for a NULL struct."""
    return call("struct_extract", struct, text(key))


def pack(fields: Mapping[str, Sql]) -> Sql:
    """Make a struct."""
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(key, quoted=True), expression=_own(value))
            for key, value in fields.items()
        ]
    )


def array(*values: Sql) -> Sql:
    """Make a list."""
    return call("list_value", *values)


def each(
    items: Sql, names: Names, body: Callable[[Sql, Sql], Sql], function: str = "list_transform"
) -> Sql:
    """Apply a lambda of (item, index from 1) to a list."""
    item, index = names.fresh(), names.fresh()
    result = body(name(item), name(index))
    uses_index = any(c.name == index for c in result.find_all(exp.Column))
    parameters = [item, index] if uses_index else [item]
    return call(function, items, _lambda(parameters, result))


def keep(items: Sql, names: Names, condition: Callable[[Sql, Sql], Sql]) -> Sql:
    """Keep the items for which a condition is true."""
    return each(items, names, condition, "list_filter")


def fold(items: Sql, names: Names, body: Callable[[Sql, Sql, Sql], Sql]) -> Sql:
    """Reduce a list; the body gets (accumulator, item, index), where the first step has index 2."""
    total, item, index = names.fresh(), names.fresh(), names.fresh()
    step = body(name(total), name(item), name(index))
    return call("list_reduce", items, _lambda([total, item, index], step))


def _lambda(parameters: Sequence[str], body: Sql) -> Sql:
    identifiers = [exp.to_identifier(p, quoted=True) for p in parameters]
    return exp.Lambda(this=_own(body), expressions=identifiers, colon=True)


def present(items: Sql, names: Names) -> Sql:
    """Drop the NULLs of a list."""
    return keep(items, names, lambda item, _: not_null(item))


_REPEATED = "repeated"
"""Note on an expression of distinct items: the items that it was made of."""


def distinct(items: Sql, names: Names) -> Sql:
    """Drop repeated items, keeping the first of each; compares each with all before it."""

    def is_first(item: Sql, index: Sql) -> Sql:
        return binary("=", call("list_position", items, item), index)

    kept = keep(items, names, is_first)
    kept.meta[_REPEATED] = items
    return kept


def with_repeats(items: Sql) -> Sql:
    """Undo `distinct` where repeats do not matter, which a long list pays dearly for."""
    return items.meta.get(_REPEATED, items)


def flatten(items: Sql) -> Sql:
    """Concatenate a list of lists; NULL lists count as empty."""
    return call("flatten", items)


def size(items: Sql) -> Sql:
    """Count the items of a list; 0 for NULL."""
    return coalesce(call("len", items), number(0))


def coalesce(value: Sql, default: Sql) -> Sql:
    """Take another value where the first is NULL."""
    return exp.Coalesce(this=_own(value), expressions=[_own(default)])


def at(items: Sql, position: int) -> Sql:
    """Take an item by position from 0, or from the end when negative; NULL beyond the list."""
    return call("list_extract", items, number(position + 1 if position >= 0 else position))


def only(items: Sql, message: str) -> Sql:
    """Take the one item of a list; NULL for none, an error for several."""
    return case((size(items) > number(1), call("error", text(message))), default=at(items, 0))


def case(*branches: tuple[Sql, Sql], default: Sql | None = None) -> Sql:
    """CASE WHEN … THEN … ELSE … END."""
    return exp.Case(
        ifs=[exp.If(this=_own(when), true=_own(then)) for when, then in branches],
        default=_own(default) if default is not None else None,
    )


def not_null(value: Sql) -> Sql:
    """Value IS NOT NULL."""
    return negate(is_null(value))


def negate(condition: Sql) -> Sql:
    """NOT a condition."""
    return exp.Not(this=exp.paren(_own(condition), copy=False))


def is_null(value: Sql) -> Sql:
    """Value IS NULL."""
    return exp.Is(this=exp.paren(_own(value), copy=False), expression=exp.Null())


def binary(operator: str, left: Sql, right: Sql) -> Sql:
    """An infix operation with both sides in parentheses."""
    node = _OPERATORS[operator]
    return exp.paren(
        node(this=exp.paren(_own(left), copy=False), expression=exp.paren(_own(right), copy=False)),
        copy=False,
    )


_OPERATORS = {
    "=": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "and": exp.And,
    "or": exp.Or,
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "div": exp.IntDiv,
    "mod": exp.Mod,
    "&": exp.DPipe,
}


def render(sql: Sql) -> str:
    """Give the text for DuckDB."""
    return str(sql.sql(dialect="duckdb"))

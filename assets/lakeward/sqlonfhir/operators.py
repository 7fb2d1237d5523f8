"""FHIRPath operators over compiled values.

An operator on an empty collection gives the empty collection, which is what SQL does with NULL; the
few exceptions are written out.

Source: FHIRPath 2.0, section 6 "Operations": 6.1 equality, 6.2 comparison, 6.4 collections, 6.5
boolean logic (its truth tables are SQL's), 6.6 math and `&`.
"""

from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.sql import Sql
from lakeward.sqlonfhir.values import (
    INTEGERS,
    NUMBERS,
    TIMES,
    Scope,
    Value,
    as_list,
    empty,
    single,
    truth,
)

COMPARISONS = frozenset({"<", "<=", ">", ">="})
EQUALITIES = frozenset({"=", "!="})
ARITHMETIC = frozenset({"+", "-", "*", "/", "div", "mod"})


def logic(operator: str, left: Value, right: Value, scope: Scope, position: int) -> Value:
    """Compile `and`, `or`, `xor` and `implies`, with empty as unknown."""
    a, b = (truth(v, scope, position) for v in (left, right))
    if operator == "xor":
        # of two truth values, "one of them" is "they differ"
        return Value(sql.binary("!=", a, b), "boolean")
    if operator == "implies":
        return Value(sql.binary("or", sql.negate(a), b), "boolean")
    return Value(sql.binary(operator, a, b), "boolean")


def equality(operator: str, left: Value, right: Value, scope: Scope, position: int) -> Value:
    """Compile `=` and `!=`: item by item and in order; empty when a side is empty."""
    if not (left.type and right.type):
        return empty("boolean")
    kind = _common(left, right, scope, position)
    if not (left.many or right.many):
        return Value(
            sql.binary(operator, *_alike(left.sql, right.sql, left, right, kind)), "boolean"
        )
    names = scope.build.names

    def listed(value: Value) -> Sql:
        return sql.each(as_list(value), names, lambda item, _: _one(item, value, kind))

    lists = [listed(left), listed(right)]
    # two empty collections are not equal but unknown, while SQL finds two empty lists equal
    full = [sql.binary(">", sql.size(items), sql.number(0)) for items in lists]
    both = sql.binary("and", *full)
    return Value(sql.case((both, sql.binary(operator, *lists))), "boolean")


def comparison(operator: str, left: Value, right: Value, scope: Scope, position: int) -> Value:
    """Compile `<`, `<=`, `>` and `>=` of single values."""
    if not (left.type and right.type):
        return empty("boolean")
    kind = _common(left, right, scope, position)
    one = [single(v, scope, position) for v in (left, right)]
    sides = _alike(one[0].sql, one[1].sql, left, right, kind)
    return Value(sql.binary(operator, *sides), "boolean")


def arithmetic(operator: str, left: Value, right: Value, scope: Scope, position: int) -> Value:
    """Compile arithmetic of numbers, and `+` of strings."""
    if not (left.type and right.type):
        return empty(left.type or right.type)
    one = [single(v, scope, position) for v in (left, right)]
    if operator == "+" and not {left.type, right.type} & NUMBERS:
        return Value(sql.binary("&", one[0].sql, one[1].sql), "string")
    if not {left.type, right.type} <= NUMBERS:
        raise scope.error(f"`{operator}` needs numbers", position)
    # 7 / 2 is 3.5 in FHIRPath, `div` the whole part
    whole = {left.type, right.type} <= INTEGERS and operator != "/"
    sides = [_one(v.sql, v, "integer" if whole else "decimal") for v in one]
    if operator in ("/", "div", "mod"):  # by zero: empty in FHIRPath, infinite in DuckDB
        sides[1] = sql.call("nullif", sides[1], sql.number(0))
    return Value(sql.binary(operator, *sides), "integer" if whole else "decimal")


def concatenate(left: Value, right: Value, scope: Scope, position: int) -> Value:
    """Compile `&`: strings, with empty as the empty string."""
    texts = [sql.cast(single(v, scope, position).sql, "VARCHAR") for v in (left, right)]
    sides = [sql.coalesce(one, sql.text("")) for one in texts]
    return Value(sql.binary("&", *sides), "string")


def membership(item: Value, items: Value, scope: Scope, position: int) -> Value:
    """Compile `item in items`; empty when there is no item."""
    if not item.type:
        return empty("boolean")
    one = single(item, scope, position)
    found = sql.boolean(False)  # noqa: FBT003  nothing is in the empty collection
    if items.type:
        kind = _common(item, items, scope, position)
        listed = sql.each(as_list(items), scope.build.names, lambda i, _: _one(i, items, kind))
        found = sql.call("list_contains", listed, _one(one.sql, item, kind))
    return Value(sql.case((sql.not_null(one.sql), found)), "boolean")


def _common(left: Value, right: Value, scope: Scope, position: int) -> str:
    """Return the kind in which two values are compared."""
    kinds = {left.type, right.type}
    if kinds <= INTEGERS:
        return "integer"
    if kinds <= NUMBERS:
        return "decimal"
    if kinds == {"boolean"}:
        return "boolean"
    if kinds & TIMES and kinds & {"dateTime", "instant"}:
        return "dateTime"
    if "" in kinds or any(k[0].isupper() for k in kinds) or kinds & (NUMBERS | {"boolean"}):
        raise scope.error("compares values that cannot be compared", position)
    return "string"


def _alike(a: Sql, b: Sql, left: Value, right: Value, kind: str) -> tuple[Sql, Sql]:
    """Bring two items to a form in which SQL compares them as FHIRPath does."""
    if kind != "dateTime":
        return _one(a, left, kind), _one(b, right, kind)
    # 10:00+02:00 equals 08:00Z, so two instants are compared as such; a partial date (2020-01) is
    # none: then both are compared as texts, which sort like dates
    instants = [sql.cast(side, "TIMESTAMPTZ", attempt=True) for side in (a, b)]
    timed = sql.binary("and", *[sql.call("contains", s, sql.text("T")) for s in (a, b)])
    micros = [sql.cast(sql.call("epoch_us", i), "VARCHAR") for i in instants]
    return tuple(sql.case((timed, m), default=s) for m, s in zip(micros, (a, b), strict=True))


def _one(item: Sql, value: Value, kind: str) -> Sql:
    if kind == "decimal":
        return sql.cast(item, "DOUBLE", attempt=True)
    return item

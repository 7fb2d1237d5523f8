"""FHIRPath functions over compiled values, by name.

Each takes the collection that it is called on, the call, the scope and the evaluator for its
arguments. Arguments come unevaluated, since a criterion is evaluated once for each item: `where(use
= 'old')`.

Source: FHIRPath 2.0, section 5 "Functions" (5.1 existence, 5.2 filtering and projection, 5.3
subsetting, 5.4 combining, 5.5 conversion, 5.6 strings), 6.3 types and 6.5 `not`; FHIR R4,
"FHIRPath" (`extension`, `hasValue`); SQL on FHIR v2 (`getResourceKey`, `getReferenceKey`,
boundaries).
"""

from collections.abc import Callable
from dataclasses import replace

from lakeward.sqlonfhir import boundary, sql
from lakeward.sqlonfhir.fhirpath import Call, Expr, Literal, Name, Path
from lakeward.sqlonfhir.references import reference_key
from lakeward.sqlonfhir.schema import PRIMITIVES, is_primitive
from lakeward.sqlonfhir.values import (
    NUMBERS,
    Scope,
    Value,
    as_list,
    empty,
    exists,
    item_of,
    member,
    narrow,
    single,
    truth,
)

Evaluate = Callable[[Expr, Scope], Value]
Function = Callable[[Value, Call, Scope, Evaluate], Value]
"""Compiles a call: from the collection that it is called on to the collection that it returns."""


def combine(left: Value, right: Value, scope: Scope, position: int) -> Value:
    """Compile two collections of one type as one, repeats and all."""
    if not left.type or not right.type:
        return left if left.type else right
    if left.type != right.type:
        raise scope.error("combines collections of different types", position)
    both = sql.call("list_concat", as_list(left), as_list(right))
    return Value(both, left.type, many=True, node=left.node or right.node)


def distinct(value: Value, scope: Scope) -> Value:
    """Compile a collection without repeats, with the first of each."""
    items = sql.distinct(as_list(value), scope.build.names)
    return replace(value, many=True, sql=items)


def where(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `where()`: the items for which a criterion is true."""
    (criterion,) = _args(call, scope, 1)

    def is_true(item: sql.Sql, index: sql.Sql) -> sql.Sql:
        inner = scope.inside(item_of(value, item), sql.binary("-", index, sql.number(1)))
        return truth(evaluate(criterion, inner), inner, call.position)

    if value.many:
        return replace(value, sql=sql.keep(value.sql, scope.build.names, is_true))
    # a single value is a collection of one: kept or NULL, without a list around it
    condition = is_true(value.sql, sql.number(1))
    return replace(value, sql=sql.case((condition, value.sql)))


def select(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `select()`: an expression evaluated on each item."""
    (projection,) = _args(call, scope, 1)
    if not value.many:
        return evaluate(projection, scope.inside(value, sql.number(0)))
    # compiled inside the lambda, though whether it is a list decides what is around the lambda
    results: list[Value] = []

    def project(item: sql.Sql, index: sql.Sql) -> sql.Sql:
        inner = scope.inside(item_of(value, item), sql.binary("-", index, sql.number(1)))
        results.append(evaluate(projection, inner))
        return results[-1].sql

    names = scope.build.names
    lists = sql.each(value.sql, names, project)
    # FHIRPath has no lists of lists: a projection that is a list is flattened
    flat = sql.flatten(lists) if results[0].many else lists
    return replace(results[0], sql=sql.present(flat, names), many=True)


def exists_(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `exists()`: whether there is an item, or one for which a criterion is true."""
    kept = where(value, call, scope, evaluate) if call.args else value
    return Value(exists(kept), "boolean")


def empty_(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `empty()`: whether there is no item."""
    _args(call, scope, 0)
    return Value(sql.negate(exists(value)), "boolean")


def all_(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `all()`: whether a criterion is true for every item; so it is for none."""
    kept = where(value, call, scope, evaluate)
    return Value(sql.binary("=", sql.size(as_list(kept)), sql.size(as_list(value))), "boolean")


def count(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `count()`: the number of items."""
    _args(call, scope, 0)
    return Value(sql.size(as_list(value)), "integer")


def _at(position: int) -> Function:
    """Return the compiler of `first()` or `last()`."""

    def take(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
        _args(call, scope, 0)
        if not value.many:
            return value
        # the first of the distinct items is the first of all, which spares comparing them
        items = sql.with_repeats(value.sql) if position == 0 else value.sql
        return replace(value, sql=sql.at(items, position), many=False)

    return take


def single_(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `single()`: the only item; several are an error when the view is run."""
    _args(call, scope, 0)
    return single(value, scope, call.position)


def of_type(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `ofType()` and `as()`: the items of a type."""
    return narrow(value, _type_name(call, scope), scope)


def is_(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `is()`: whether the item is of a type."""
    return Value(exists(narrow(value, _type_name(call, scope), scope)), "boolean")


def extension(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `extension()`: the extensions with a URL."""
    (url,) = _args(call, scope, 1)
    found = member(value, "extension", scope, call.position)
    expected = _text_of(url, call, scope, evaluate)
    if not found.type:
        return found

    def matches(item: sql.Sql, _index: sql.Sql) -> sql.Sql:
        got = member(item_of(found, item), "url", scope, call.position)
        return sql.binary("=", got.sql, expected)

    return replace(found, sql=sql.keep(found.sql, scope.build.names, matches))


def resource_key(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `getResourceKey()`: the key of a resource is its id."""
    _args(call, scope, 0)
    return replace(member(value, "id", scope, call.position), type="string", sibling=None)


def reference_key_(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `getReferenceKey()`: the key of the resource that a reference points to.

    With a type, the keys of references to other types are left out.
    """
    kind = _type_name(call, scope) if call.args else None
    # only literal references have a key; one by identifier alone leads to NULL
    text = member(value, "reference", scope, call.position)
    if not text.many:
        return Value(reference_key(text.sql, kind), "string")
    names = scope.build.names
    keys = sql.each(text.sql, names, lambda item, _: reference_key(item, kind))
    return Value(sql.present(keys, names), "string", many=True)


def join(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `join()`: the items as one string."""
    separator = ""
    if call.args:
        (arg,) = _args(call, scope, 1)
        if not (isinstance(arg, Literal) and isinstance(arg.value, str)):
            raise scope.error("`join()` takes a text", call.position, "a constant")
        separator = arg.value
    _primitive(value, call, scope)
    return Value(sql.call("array_to_string", as_list(value), sql.text(separator)), "string")


def not_(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `not()`: the negation of a condition."""
    condition = truth(value, scope, call.position)
    return Value(sql.negate(condition), "boolean")


def iif(_value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `iif()`: one of two expressions, by a condition."""
    if len(call.args) not in (2, 3):
        raise scope.error("`iif()` takes 2 or 3 argument(s)", call.position)
    condition, *rest = call.args
    yes = evaluate(rest[0], scope)
    no = evaluate(rest[1], scope) if len(rest) > 1 else empty()
    # `{}` has no type: an untyped NULL takes the type of the other branch
    yes, no = (v if v.type or v.choices else Value(sql.nothing(), "") for v in (yes, no))
    if yes.choices or no.choices:
        raise scope.error("`iif()` gives a choice element", call.position, "ofType()")
    if yes.type and no.type and PRIMITIVES.get(yes.type) != PRIMITIVES.get(no.type):
        raise scope.error("`iif()` gives values of different types", call.position)
    test = truth(evaluate(condition, scope), scope, call.position)
    if yes.many or no.many:
        both = sql.case((test, as_list(yes)), default=as_list(no))
        return replace(yes if yes.type else no, sql=both, many=True)
    both = sql.case((test, yes.sql), default=no.sql)
    return replace(yes if yes.type else no, sql=both, sibling=None)


def combine_(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
    """Compile `combine()`: this collection and another."""
    (other,) = _args(call, scope, 1)
    return combine(value, evaluate(other, scope), scope, call.position)


def distinct_(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
    """Compile `distinct()`: the items without repeats."""
    _args(call, scope, 0)
    return distinct(value, scope)


def _text(name: str, kind: str, takes: int = 0) -> Function:
    """Return the compiler of a function on a text.

    Args:
        name: Its name in DuckDB.
        kind: Type of its result.
        takes: Number of its arguments, which are texts.
    """

    def apply(value: Value, call: Call, scope: Scope, evaluate: Evaluate) -> Value:
        args = [_text_of(arg, call, scope, evaluate) for arg in _args(call, scope, takes)]
        # FHIRPath: a function on a text takes one item, and several are an
        # error, not the first of them
        one = single(_primitive(value, call, scope), scope, call.position)
        return Value(sql.call(name, sql.cast(one.sql, "VARCHAR"), *args), kind)

    return apply


def _text_of(arg: Expr, call: Call, scope: Scope, evaluate: Evaluate) -> sql.Sql:
    """Compile an argument that must be one text."""
    value = evaluate(arg, scope)
    if value.many or value.type in NUMBERS or PRIMITIVES.get(value.type) != "VARCHAR":
        raise scope.error(f"`{call.name}()` takes a text", call.position)
    return value.sql


def _primitive(value: Value, call: Call, scope: Scope) -> Value:
    """Return the value; raise if its items have elements, of which no text can be made."""
    if value.choices or (value.type and not is_primitive(value.type)):
        raise scope.error(f"`{call.name}()` needs a value without elements", call.position)
    return value


def _boundary(*, high: bool) -> Function:
    """Return the compiler of `lowBoundary()` or `highBoundary()`."""

    def apply(value: Value, call: Call, scope: Scope, _evaluate: Evaluate) -> Value:
        one = single(value, scope, call.position)
        found = boundary.compile_boundary(one.sql, one.type, high=high)
        if found is None:
            raise scope.error("has no boundary", call.position, "a decimal, date or time")
        return Value(found, "dateTime" if one.type == "instant" else one.type)

    return apply


def _args(call: Call, scope: Scope, number: int) -> tuple[Expr, ...]:
    """Return the arguments of a call; raise if their number is another one."""
    if len(call.args) != number:
        raise scope.error(f"`{call.name}()` takes {number} argument(s)", call.position)
    return call.args


def _type_name(call: Call, scope: Scope) -> str:
    """Return the type that a call names: `Quantity`, `FHIR.Quantity` or, as some write, a text."""
    (arg,) = _args(call, scope, 1)
    match arg:
        case Name(name=name) | Path(step=Name(name=name)):
            return name
        case Literal(value=str(name)):
            return name
    raise scope.error(f"`{call.name}()` takes a type", call.position)


FUNCTIONS: dict[str, Function] = {
    "where": where,
    "select": select,
    "exists": exists_,
    "empty": empty_,
    "hasValue": exists_,
    "all": all_,
    "count": count,
    "first": _at(0),
    "last": _at(-1),
    "single": single_,
    "ofType": of_type,
    "as": of_type,
    "is": is_,
    "extension": extension,
    "getResourceKey": resource_key,
    "getReferenceKey": reference_key_,
    "join": join,
    "not": not_,
    "iif": iif,
    "combine": combine_,
    "distinct": distinct_,
    "lowBoundary": _boundary(high=False),
    "highBoundary": _boundary(high=True),
    "contains": _text("contains", "boolean", 1),
    "startsWith": _text("starts_with", "boolean", 1),
    "endsWith": _text("ends_with", "boolean", 1),
    "matches": _text("regexp_matches", "boolean", 1),
    "replace": _text("replace", "string", 2),
    "upper": _text("upper", "string"),
    "lower": _text("lower", "string"),
    "trim": _text("trim", "string"),
    "length": _text("length", "integer"),
    "toString": _text("concat", "string"),
}
"""What a view may call, by the name in FHIRPath; any other is a `SpecError`."""

"""FHIRPath functions over compiled values, by name.

Each takes the input collection, the call, the context and the evaluator for its arguments.
"""

from collections.abc import Callable
from dataclasses import replace

from lakeward.sqlonfhir import boundary, sql
from lakeward.sqlonfhir.fhirpath import Call, Expr, Literal, Name, Path
from lakeward.sqlonfhir.references import reference_key
from lakeward.sqlonfhir.schema import PRIMITIVES, is_primitive
from lakeward.sqlonfhir.values import (
    NUMBERS,
    Context,
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

Evaluate = Callable[[Expr, Context], Value]
Function = Callable[[Value, Call, Context, Evaluate], Value]


def combine(left: Value, right: Value, context: Context, position: int) -> Value:
    """Put two collections of one type together."""
    if not left.type or not right.type:
        return left if left.type else right
    if left.type != right.type:
        raise context.error("combines collections of different types", position)
    both = sql.call("list_concat", as_list(left), as_list(right))
    return Value(both, left.type, many=True, node=left.node or right.node)


def distinct(value: Value, context: Context) -> Value:
    """Drop repeated items, keeping the first of each."""
    items = sql.distinct(as_list(value), context.build.names)
    return replace(value, many=True, sql=items)


def where(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """Keep the items that meet a criterion."""
    (criterion,) = _args(call, context, 1)

    def meets(item: sql.Sql, index: sql.Sql) -> sql.Sql:
        inner = context.inside(item_of(value, item), sql.binary("-", index, sql.number(1)))
        return truth(evaluate(criterion, inner), inner, call.position)

    if value.many:
        return replace(value, sql=sql.keep(value.sql, context.build.names, meets))
    condition = meets(value.sql, sql.number(1))
    return replace(value, sql=sql.case((condition, value.sql)))


def select(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """Evaluate an expression on each item."""
    (projection,) = _args(call, context, 1)
    if not value.many:
        return evaluate(projection, context.inside(value, sql.number(0)))
    results: list[Value] = []

    def project(item: sql.Sql, index: sql.Sql) -> sql.Sql:
        inner = context.inside(item_of(value, item), sql.binary("-", index, sql.number(1)))
        results.append(evaluate(projection, inner))
        return results[-1].sql

    names = context.build.names
    lists = sql.each(value.sql, names, project)
    flat = sql.flatten(lists) if results[0].many else lists
    return replace(results[0], sql=sql.present(flat, names), many=True)


def exists_(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """Whether there is an item, or one that meets a criterion."""
    kept = where(value, call, context, evaluate) if call.args else value
    return Value(exists(kept), "boolean")


def empty_(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """Whether there is no item."""
    _args(call, context, 0)
    return Value(sql.negate(exists(value)), "boolean")


def all_(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """Whether every item meets a criterion."""
    kept = where(value, call, context, evaluate)
    return Value(sql.binary("=", sql.size(as_list(kept)), sql.size(as_list(value))), "boolean")


def count(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """How many items there are."""
    _args(call, context, 0)
    return Value(sql.size(as_list(value)), "integer")


def _at(position: int) -> Function:
    def take(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
        _args(call, context, 0)
        if not value.many:
            return value
        items = sql.with_repeats(value.sql) if position == 0 else value.sql
        return replace(value, sql=sql.at(items, position), many=False)

    return take


def single_(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """The only item; several are an error when the view is run."""
    _args(call, context, 0)
    return single(value, context, call.position)


def of_type(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """Keep the items of a type."""
    return narrow(value, _type_name(call, context), context)


def is_(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """Whether the item is of a type."""
    return Value(exists(narrow(value, _type_name(call, context), context)), "boolean")


def extension(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """The extensions with a URL."""
    (url,) = _args(call, context, 1)
    found = member(value, "extension", context, call.position)
    wanted = _text_of(url, call, context, evaluate)
    if not found.type:
        return found

    def matches(item: sql.Sql, _index: sql.Sql) -> sql.Sql:
        got = member(item_of(found, item), "url", context, call.position)
        return sql.binary("=", got.sql, wanted)

    return replace(found, sql=sql.keep(found.sql, context.build.names, matches))


def resource_key(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """The key of a resource: its id."""
    _args(call, context, 0)
    return replace(member(value, "id", context, call.position), type="string", sibling=None)


def reference_key_(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """The key of the resource that a reference points to, if it is of the type given."""
    kind = _type_name(call, context) if call.args else None
    text = member(value, "reference", context, call.position)
    if not text.many:
        return Value(reference_key(text.sql, kind), "string")
    names = context.build.names
    keys = sql.each(text.sql, names, lambda item, _: reference_key(item, kind))
    return Value(sql.present(keys, names), "string", many=True)


def join(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """The items as one string."""
    separator = ""
    if call.args:
        (arg,) = _args(call, context, 1)
        if not (isinstance(arg, Literal) and isinstance(arg.value, str)):
            raise context.error("`join()` takes a text", call.position, "a constant")
        separator = arg.value
    _primitive(value, call, context)
    return Value(sql.call("array_to_string", as_list(value), sql.text(separator)), "string")


def not_(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """Negate a condition."""
    condition = truth(value, context, call.position)
    return Value(sql.negate(condition), "boolean")


def iif(_value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """One of two expressions, by a condition."""
    if len(call.args) not in (2, 3):
        raise context.error("`iif()` takes 2 or 3 argument(s)", call.position)
    condition, *rest = call.args
    yes = evaluate(rest[0], context)
    no = evaluate(rest[1], context) if len(rest) > 1 else empty()
    yes, no = (v if v.type or v.choices else Value(sql.nothing(), "") for v in (yes, no))
    if yes.choices or no.choices:
        raise context.error("`iif()` gives a choice element", call.position, "ofType()")
    if yes.type and no.type and PRIMITIVES.get(yes.type) != PRIMITIVES.get(no.type):
        raise context.error("`iif()` gives values of different types", call.position)
    test = truth(evaluate(condition, context), context, call.position)
    if yes.many or no.many:
        both = sql.case((test, as_list(yes)), default=as_list(no))
        return replace(yes if yes.type else no, sql=both, many=True)
    both = sql.case((test, yes.sql), default=no.sql)
    return replace(yes if yes.type else no, sql=both, sibling=None)


def combine_(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
    """This collection and another."""
    (other,) = _args(call, context, 1)
    return combine(value, evaluate(other, context), context, call.position)


def distinct_(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
    """The items without repeats."""
    _args(call, context, 0)
    return distinct(value, context)


def _text(name: str, kind: str, takes: int = 0) -> Function:
    """Make a function of one text and so many more."""

    def apply(value: Value, call: Call, context: Context, evaluate: Evaluate) -> Value:
        args = [_text_of(arg, call, context, evaluate) for arg in _args(call, context, takes)]
        one = single(_primitive(value, call, context), context, call.position)
        return Value(sql.call(name, sql.cast(one.sql, "VARCHAR"), *args), kind)

    return apply


def _text_of(arg: Expr, call: Call, context: Context, evaluate: Evaluate) -> sql.Sql:
    """Evaluate an argument that must be one text."""
    value = evaluate(arg, context)
    if value.many or value.type in NUMBERS or PRIMITIVES.get(value.type) != "VARCHAR":
        raise context.error(f"`{call.name}()` takes a text", call.position)
    return value.sql


def _primitive(value: Value, call: Call, context: Context) -> Value:
    if value.choices or (value.type and not is_primitive(value.type)):
        raise context.error(f"`{call.name}()` needs a value without elements", call.position)
    return value


def _boundary(*, high: bool) -> Function:
    def apply(value: Value, call: Call, context: Context, _evaluate: Evaluate) -> Value:
        one = single(value, context, call.position)
        found = boundary.of(one.sql, one.type, high=high)
        if found is None:
            raise context.error("has no boundary", call.position, "a decimal, date or time")
        return Value(found, "dateTime" if one.type == "instant" else one.type)

    return apply


def _args(call: Call, context: Context, wanted: int) -> tuple[Expr, ...]:
    if len(call.args) != wanted:
        raise context.error(f"`{call.name}()` takes {wanted} argument(s)", call.position)
    return call.args


def _type_name(call: Call, context: Context) -> str:
    (arg,) = _args(call, context, 1)
    match arg:
        case Name(name=name) | Path(step=Name(name=name)):
            return name
        case Literal(value=str(name)):
            return name
    raise context.error(f"`{call.name}()` takes a type", call.position)


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

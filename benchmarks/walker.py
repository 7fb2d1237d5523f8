"""The FHIRPath that the packaged views use, as closures over parsed JSON.

What a competent engineer writes who flattens with a Python loop: each path is compiled once to a
function from a list of items to a list of items. It is the rival of the benchmark, not part of the
product, and knows just what the views of the measured types need.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

Items = list[Any]
Step = Callable[[Items, int], Items]

_TOKEN = re.compile(r"\s*('[^']*'|[$%]?[A-Za-z]\w*|!=|[.()|=])")


def compile_path(path: str) -> Step:
    """Compile a path.

    Raises:
        ValueError: It uses what the walker does not know.
    """
    tokens = _TOKEN.findall(path)
    if "".join(tokens) != re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", path):
        raise ValueError(path)
    parser = _Parser(tokens)
    step = parser.expression()
    if parser.tokens:
        raise ValueError(path)
    return step


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)

    def take(self, *wanted: str) -> str | None:
        if self.tokens and (not wanted or self.tokens[0] in wanted):
            return self.tokens.pop(0)
        return None

    def expression(self) -> Step:
        left = self.comparison()
        while word := self.take("and", "or"):
            left = (_both if word == "and" else _either)(left, self.comparison())
        return left

    def comparison(self) -> Step:
        left = self.union()
        if operator := self.take("=", "!="):
            return _compared(left, self.union(), equal=operator == "=")
        return left

    def union(self) -> Step:
        left = self.path()
        while self.take("|"):
            left = _united(left, self.path())
        return left

    def path(self) -> Step:
        steps = [self.term()]
        while self.take("."):
            steps.append(self.term())
        return steps[0] if len(steps) == 1 else _chain(_merged(steps))

    def term(self) -> Step:
        token = self.take() or ""
        if token == "(":
            inner = self.expression()
            self.take(")")
            return inner
        if token.startswith("'"):
            text = token[1:-1]
            return lambda _items, _index: [text]
        if token in ("true", "false"):
            return lambda _items, _index: [token == "true"]
        if token == "$this":
            return lambda items, _index: items
        if token == "%rowIndex":
            return lambda _items, index: [index]
        if self.take("("):
            argument = None if self.take(")") else self.expression_or_type(token)
            return _function(token, argument)
        return _Member(token)

    def expression_or_type(self, function: str) -> Any:
        if function in ("ofType", "getReferenceKey"):
            kind = self.take()
            self.take(")")
            return kind
        inner = self.expression()
        self.take(")")
        return inner


class _Member:
    """Walk to a property of each item; a choice is narrowed by the `ofType` after it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, items: Items, _index: int) -> Items:
        found: Items = []
        for item in items:
            value = item.get(self.name) if isinstance(item, dict) else None
            if isinstance(value, list):
                found += value
            elif value is not None:
                found.append(value)
        return found


def _merged(steps: list[Step]) -> list[Step]:
    """Turn `value.ofType(Quantity)` into one step to `valueQuantity`."""
    merged: list[Step] = []
    for step in steps:
        kind = getattr(step, "kind", None)
        if kind and merged and isinstance(merged[-1], _Member):
            merged[-1] = _Member(merged[-1].name + kind[0].upper() + kind[1:])
        else:
            merged.append(step)
    return merged


def _chain(steps: list[Step]) -> Step:
    def run(items: Items, index: int) -> Items:
        for step in steps:
            items = step(items, index)
        return items

    return run


def _both(left: Step, right: Step) -> Step:
    return lambda items, index: (
        [True] if left(items, index) == [True] and right(items, index) == [True] else [False]
    )


def _either(left: Step, right: Step) -> Step:
    return lambda items, index: [left(items, index) == [True] or right(items, index) == [True]]


def _compared(left: Step, right: Step, *, equal: bool) -> Step:
    def run(items: Items, index: int) -> Items:
        one, other = left(items, index), right(items, index)
        return [(one == other) == equal] if one and other else []

    return run


def _united(left: Step, right: Step) -> Step:
    def run(items: Items, index: int) -> Items:
        found = list(left(items, index))
        return found + [item for item in right(items, index) if item not in found]

    return run


def _function(name: str, argument: Any) -> Step:
    match name:
        case "first":
            return lambda items, _index: items[:1]
        case "count":
            return lambda items, _index: [len(items)]
        case "exists":
            return lambda items, _index: [bool(items)]
        case "where":
            return lambda items, index: [i for i in items if argument([i], index) == [True]]
        case "join":
            return lambda items, index: [argument([], index)[0].join(items)]
        case "extension":
            return lambda items, index: [
                e
                for i in items
                for e in i.get("extension", ())
                if e.get("url") == argument([], index)[0]
            ]
        case "getReferenceKey":
            return _reference_key(argument)
        case "ofType":

            def narrow(_items: Items, _index: int) -> Items:
                raise ValueError("ofType() after what is no choice")

            narrow.kind = argument  # type: ignore[attr-defined]
            return narrow
    raise ValueError(name)


def _reference_key(kind: str | None) -> Step:
    def run(items: Items, _index: int) -> Items:
        found = []
        for item in items:
            parts = str(item.get("reference", "")).split("/_history/", 1)[0].rsplit("/", 2)
            if len(parts) > 1 and kind in (None, parts[-2]):
                found.append(parts[-1])
        return found

    return run


def as_type(value: Any, kind: str) -> Any:
    """Bring a value to a column's type; None when it is none of it."""
    try:
        if kind == "TIMESTAMP WITH TIME ZONE":
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else None
        if kind == "DATE":
            return date.fromisoformat(value)
        if kind == "BIGINT":
            return int(value)
    except (TypeError, ValueError):
        return None
    return value if kind == "BOOLEAN" or isinstance(value, str) else str(value)

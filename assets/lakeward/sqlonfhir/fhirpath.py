"""FHIRPath text to a small syntax tree with positions.

The grammar and its parser are fhirpathpy's; only the tree is ours, because errors must say where
in the expression they stand. What an expression means is decided in `expression`.

    name.where(use = %kind)[0]        position 0 is the first character

    IndexAccess
    ├─ target: Path
    │          ├─ target: Name("name")
    │          └─ step:   Call("where")
    │                     └─ Operation("=", Name("use"), Constant("kind"))
    └─ index:  Literal("0")

Source: FHIRPath 2.0, section 4 "Expressions" and 8 "Lexical Elements".
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lakeward.core.errors import SpecError


@dataclass(frozen=True)
class Literal:
    """A constant in the text; `type` is a FHIR type, or empty for `{}`."""

    value: str | bool | None
    type: str
    position: int


@dataclass(frozen=True)
class Constant:
    """`%name`: a constant of the view or of the environment."""

    name: str
    position: int


@dataclass(frozen=True)
class Name:
    """A member such as `name`, or `$this` and `$index`."""

    name: str
    position: int


@dataclass(frozen=True)
class Call:
    """A function call; arguments stay unevaluated because some are criteria."""

    name: str
    args: tuple["Expr", ...]
    position: int


@dataclass(frozen=True)
class Path:
    """`target.step`: the step is evaluated on the target."""

    target: "Expr"
    step: "Name | Call"
    position: int


@dataclass(frozen=True)
class IndexAccess:
    """`target[index]`."""

    target: "Expr"
    index: "Expr"
    position: int


@dataclass(frozen=True)
class Operation:
    """An operator with one or two operands."""

    operator: str
    operands: tuple["Expr", ...]
    position: int


@dataclass(frozen=True)
class TypeOperation:
    """`operand is type` or `operand as type`."""

    operator: str
    operand: "Expr"
    type: str
    position: int


Expr = Literal | Constant | Name | Call | Path | IndexAccess | Operation | TypeOperation

_LITERALS = {
    "NullLiteral": "",
    "BooleanLiteral": "boolean",
    "StringLiteral": "string",
    "NumberLiteral": "decimal",
    "DateTimeLiteral": "dateTime",
    "TimeLiteral": "time",
}
_WRAPPERS = {"TermExpression": 0, "InvocationTerm": 0, "LiteralTerm": 0, "ParenthesizedTerm": 1}
"""Rules of the grammar that only hold another one, and at which child."""


def problem(where: str, what: str, expected: str = "", position: int = 0) -> SpecError:
    """Build the error of an expression; `where` names view and path."""
    return SpecError(f"{where} at character {position + 1}", what, expected)


def parse(text: str, where: str) -> Expr:
    """Parse a FHIRPath expression; `where` names view and path.

    Raises:
        SpecError: The text is not FHIRPath.
    """
    try:
        return _parsed(text)
    except SpecError as error:
        raise SpecError(f"{where}{error.where}", error.what, error.expected) from None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Expr:
    """Parse a text once, however many views have it: most of what compiling costs."""
    # without the view's name, so that the cache can serve all views;
    # `parse` puts it before the error
    where = ""
    from antlr4 import CommonTokenStream, InputStream, Token
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

    listener = _listener(where)
    lexer = FHIRPathLexer(InputStream(text))
    parser = FHIRPathParser(CommonTokenStream(lexer))
    for recognizer in (lexer, parser):
        recognizer.removeErrorListeners()
        recognizer.addErrorListener(listener)
    tree = parser.expression()
    # the grammar's rule ends where it can: of `name given` it would read `name` and ignore the rest
    rest = parser.getTokenStream().LT(1)
    if rest.type != Token.EOF:
        raise problem(where, "is not FHIRPath", "the expression to end", rest.column)
    return _Reader(where).read(tree)


def _listener(where: str) -> Any:
    from antlr4.error.ErrorListener import ErrorListener

    class Raise(ErrorListener):  # type: ignore[misc]
        """Turns the first syntax error into a `SpecError`."""

        def syntaxError(  # noqa: N802  the name is antlr's
            self, _r: Any, _s: Any, _line: int, column: int, _msg: str, _e: Any
        ) -> None:
            raise problem(where, "is not FHIRPath", "valid syntax", column)

    return Raise()


@dataclass(frozen=True)
class _Reader:
    """Reads antlr's parse tree; one method for each kind of rule that has parts."""

    where: str

    def read(self, tree: Any) -> Expr:
        """Read a node of the tree; the kind of rule is in the name of its class."""
        kind = type(tree).__name__.removesuffix("Context")
        if kind in _WRAPPERS:
            return self.read(tree.getChild(_WRAPPERS[kind]))
        if kind in _LITERALS:
            return _literal(_LITERALS[kind], tree.getText(), tree.start.column)
        if kind in ("MemberInvocation", "ThisInvocation", "IndexInvocation"):
            return Name(_plain(tree.getText()), tree.start.column)
        children = list(tree.getChildren())
        if read_parts := self._readers().get(kind):
            return read_parts(children, tree.start.column)
        # all infix operators look alike in the tree; which of them there
        # are is decided in `operators`
        if len(children) == 3 and kind.endswith("Expression"):
            operands = (self.read(children[0]), self.read(children[2]))
            return Operation(children[1].getText(), operands, children[1].symbol.column)
        raise self._unsupported(kind, tree.start.column)

    def _readers(self) -> Mapping[str, Callable[[list[Any], int], Expr]]:
        return {
            "ExternalConstantTerm": self._constant,
            "InvocationExpression": self._path,
            "IndexerExpression": self._indexer,
            "PolarityExpression": self._polarity,
            "TypeExpression": self._type,
            "FunctionInvocation": self._function,
        }

    def _constant(self, children: list[Any], position: int) -> Expr:
        return Constant(
            _plain(children[0].getText().lstrip("%") or children[1].getText()), position
        )

    def _path(self, children: list[Any], position: int) -> Expr:
        step = self.read(children[2])
        if not isinstance(step, Name | Call):
            raise self._unsupported("such a step", position)
        return Path(self.read(children[0]), step, step.position)

    def _indexer(self, children: list[Any], position: int) -> Expr:
        return IndexAccess(self.read(children[0]), self.read(children[2]), position)

    def _polarity(self, children: list[Any], position: int) -> Expr:
        return Operation(children[0].getText(), (self.read(children[1]),), position)

    def _type(self, children: list[Any], position: int) -> Expr:
        operator, type_ = children[1].getText(), children[2].getText()
        return TypeOperation(operator, self.read(children[0]), type_, position)

    def _function(self, children: list[Any], position: int) -> Expr:
        return self._call(children[0], position)

    def _call(self, tree: Any, position: int) -> Call:
        name, *rest = [c for c in tree.getChildren() if c.getText() not in ("(", ")")]
        args = [c for c in rest[0].getChildren() if c.getText() != ","] if rest else []
        return Call(_plain(name.getText()), tuple(self.read(a) for a in args), position)

    def _unsupported(self, kind: str, position: int) -> SpecError:
        return problem(self.where, f"uses {kind}, which is not supported", position=position)


def _plain(text: str) -> str:
    """Return a name without the quotes that it may stand in."""
    return text[1:-1] if text[:1] in "`'" and text[-1:] == text[:1] else text


def _literal(kind: str, text: str, position: int) -> Literal:
    if kind == "":
        return Literal(None, kind, position)
    if kind == "boolean":
        return Literal(text == "true", kind, position)
    if kind == "string":
        return Literal(_unescape(text[1:-1]), kind, position)
    if kind == "decimal":
        return Literal(text, "decimal" if "." in text else "integer", position)
    # @2020-01-02, @2020-01-02T03:04 and @T03:04: the grammar calls all but the last a date and time
    value = text.lstrip("@").removeprefix("T")
    if kind == "dateTime" and "T" not in text:
        kind = "date"
    return Literal(value, kind, position)


def _unescape(text: str) -> str:
    """Resolve escapes: JSON's reader knows all of FHIRPath's but the two quotes."""
    body = text.replace("\\'", "'").replace("\\`", "`").replace('\\"', '"').replace('"', '\\"')
    return str(json.loads(f'"{body}"', strict=False))

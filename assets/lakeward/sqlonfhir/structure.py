"""The part of a resource that a view uses, as the structure handed to the JSON parser.

JSON types are never inferred from data: each node's type and cardinality come from `schema`, and
only paths that an expression walks are there, so a resource is parsed once and little of it kept.
"""

from dataclasses import dataclass, field
from typing import Any

from lakeward.core.errors import SpecError
from lakeward.sqlonfhir.schema import PRIMITIVES, is_primitive


@dataclass
class Node:
    """A place in the JSON of a FHIR type; grows as expressions walk it."""

    type: str
    many: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)
    as_json: bool = False

    def child(self, name: str, kind: str, *, many: bool) -> "Node":
        """Walk to a property, noting that it is used."""
        return self.children.setdefault(name, Node(kind, many))

    def structure(self) -> Any:
        """Give the structure for `from_json`.

        Raises:
            SpecError: An element is wanted both as JSON and by its parts.
        """
        if self.as_json and self.children:
            raise SpecError(
                f"an element of type {self.type}", "is used both as a whole and by its parts"
            )
        if is_primitive(self.type):
            one: Any = PRIMITIVES[self.type]
        elif self.as_json or not self.children:
            one = "JSON"
        else:
            one = {name: child.structure() for name, child in self.children.items()}
        return [one] if self.many else one


def merged(one: Node, other: Node) -> Node | None:
    """Give a node with all that two uses walk to; None when one wants as JSON what the other walks.

    An element that nobody walks into is there only to be told present or absent, which holds for
    any structure, so it gives way.
    """
    children = dict(one.children)
    for name, child in other.children.items():
        both = merged(children[name], child) if name in children else child
        if both is None:
            return None
        children[name] = both
    as_json = one.as_json or other.as_json
    return None if as_json and children else Node(one.type, one.many, children, as_json)

"""The part of a resource that a view uses, as the structure handed to the JSON parser.

JSON types are never inferred from data: each node's type and cardinality come from `schema`. Only
the paths that an expression walks are there, so a resource is parsed once and little of it is kept.
The paths `id` and `name.given` of a Patient grow this tree and this structure:

    Node(Patient) ── id    Node(id)                            {"id": "VARCHAR",
                  └─ name  Node(HumanName, many)                "name": [
                            └─ given  Node(string, many)            {"given": ["VARCHAR"]}]}
"""

from dataclasses import dataclass, field
from typing import Any

from lakeward.core.errors import SpecError
from lakeward.sqlonfhir.schema import PRIMITIVES, is_primitive


@dataclass
class Node:
    """An element in the JSON of a FHIR type; grows as expressions walk into it.

    Attributes:
        type: FHIR type.
        many: Whether it is a list.
        children: The elements of it that are used, by their name in JSON.
        as_json: Whether it is used as a whole, as JSON text.
    """

    type: str
    many: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)
    as_json: bool = False

    def child(self, name: str, kind: str, *, many: bool) -> "Node":
        """Return the node of a property, which is used from now on."""
        return self.children.setdefault(name, Node(kind, many))

    def structure(self) -> Any:
        """Return the structure for DuckDB's `from_json`: dicts, lists of one, and names of types.

        Raises:
            SpecError: An element is used both as JSON and by its parts.
        """
        if self.as_json and self.children:
            raise SpecError(
                f"an element of type {self.type}", "is used both as a whole and by its parts"
            )
        if is_primitive(self.type):
            one: Any = PRIMITIVES[self.type]
        # nobody walks into it: only whether it is there is asked, for which its text is enough
        elif self.as_json or not self.children:
            one = "JSON"
        else:
            one = {name: child.structure() for name, child in self.children.items()}
        return [one] if self.many else one


def merge_nodes(one: Node, other: Node) -> Node | None:
    """Return a node with all that two uses walk to.

    None when one uses an element as JSON and the other walks into it: no structure gives both.
    An element that nobody walks into is only looked at for whether it is there. That can be seen in
    any structure, so it takes the structure of the other use.
    """
    children = dict(one.children)
    for name, child in other.children.items():
        both = merge_nodes(children[name], child) if name in children else child
        if both is None:
            return None
        children[name] = both
    as_json = one.as_json or other.as_json
    return None if as_json and children else Node(one.type, one.many, children, as_json)

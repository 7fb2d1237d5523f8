"""The packages of the formats stay small houses: few rooms, few floors, no arrow up, no circle."""

import pytest
from checkout import Module

ROOMS, FLOORS = 8, 4


def _room(package: str, name: str) -> str | None:
    """Return the direct child of a package that a module belongs to."""
    if not name.startswith(f"{package}."):
        return None
    return name.removeprefix(f"{package}.").split(".")[0]


def _arrows(package: str, modules: list[Module]) -> dict[str, set[str]]:
    """Return, for each room of a package, the other rooms of it that its modules import."""
    arrows: dict[str, set[str]] = {}
    names = {module.name for module in modules}
    for module in modules:
        room = _room(package, module.name)
        if room is None:
            continue
        targets = set()
        for target, node in module.imports:
            full = {f"{target}.{alias.name}" for alias in getattr(node, "names", [])} & names
            targets |= {_room(package, each) for each in full or {target}}
        arrows.setdefault(room, set()).update(targets - {None, room})
    return arrows


def _floor(room: str, arrows: dict[str, set[str]], above: tuple[str, ...] = ()) -> int:
    """Return on which floor a room lies: one above the highest room that it imports."""
    assert room not in above, f"a circle: {' -> '.join((*above, room))}"
    below = (_floor(each, arrows, (*above, room)) for each in arrows.get(room, ()))
    return 1 + max(below, default=0)


@pytest.mark.parametrize("package", ["lakeward.fhir", "lakeward.hl7v2"])
def test_a_format_has_few_rooms_on_few_floors(package: str, modules: list[Module]) -> None:
    arrows = _arrows(package, modules)
    floors = {room: _floor(room, arrows) for room in arrows}
    assert len(floors) <= ROOMS, sorted(floors)
    assert max(floors.values()) <= FLOORS, floors


def test_sqlonfhir_imports_core_alone(modules: list[Module]) -> None:
    wrong = [
        f"{module.path} imports {target}"
        for module in modules
        if module.name.startswith("lakeward.sqlonfhir")
        for target, _ in module.imports
        if target.startswith("lakeward.")
        and not target.startswith(("lakeward.sqlonfhir", "lakeward.core"))
    ]
    assert not wrong, "\n".join(wrong)

"""What stands in files for people and installers is true: commands, links, paths, hashes."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from checkout import ROOT, Module

from lakeward.orchestration.cli.app import app

# escapes and groups keep these patterns from matching themselves
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|farm|home/[a-z]+|Users/\w+)/")
REGISTRY_HOST = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|anaconda\.org|https?://\S+/simple\b"
)
LINK = re.compile(r"\]\(([^)#\s]+)")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|lakeward) [^`\n]+)`")
VERB = re.compile(r"(?:\w+=\S+ )*(?:\.venv/bin/)?(?P<command>(?:make|lakeward) .+)")


def test_no_file_names_a_machine_path_or_a_registry_host(tracked: dict[str, str]) -> None:
    found = [
        f"{name}:{number} {match.group()}"
        for name, text in tracked.items()
        for pattern in (MACHINE_PATH, REGISTRY_HOST)
        for number, line in enumerate(text.split("\n"), 1)
        if (match := pattern.search(line))
    ]
    assert not found, "\n".join(found)


def test_every_make_target_says_what_it_does(root: Path) -> None:
    rules = re.findall(r"^([a-z-]+):(.*)$", (root / "Makefile").read_text(), re.MULTILINE)
    assert {"help", "setup", "demo", "test", "dev", "check", "bench"} <= {name for name, _ in rules}
    assert not [name for name, rest in rules if " ## " not in rest]


def test_every_lock_entry_is_pinned_and_hashed_without_a_host(root: Path) -> None:
    lock = (root / "requirements.lock").read_text()
    entries = [e for e in re.split(r"\n(?=\S)", lock) if not e.startswith("#")]
    assert len(entries) > 100
    loose = [e.split("\n")[0] for e in entries if not re.match(r"[\w.\[\]-]+==", e)]
    assert not loose, loose
    assert not [e.split("\n")[0] for e in entries if "--hash=sha256:" not in e]
    assert "://" not in lock
    assert "--index" not in lock


def test_the_lock_holds_what_the_project_asks_for(root: Path) -> None:
    about = tomllib.loads((root / "pyproject.toml").read_text())
    project = about["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted += about["build-system"]["requires"]
    names = {re.match(r"[\w.-]+", line)[0].lower() for line in wanted}  # type: ignore[index]
    lock = (root / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([\w.-]+)(?:\[\w+\])?==", lock, re.MULTILINE))
    missing = {re.sub(r"[_.]", "-", name) for name in names} - pinned
    assert not missing, f"run `make lock`: {sorted(missing)}"


def _pages() -> list[Path]:
    tops = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "data/README.md"]
    return [page for page in [*tops, *sorted((ROOT / "docs").rglob("*.md"))] if page.is_file()]


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = [t for t in LINK.findall(page.read_text()) if not t.startswith(("http", "mailto:"))]
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_commands_of_a_page_exist(page: Path, root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    problems = []
    for command in _commands(page.read_text()):
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            named = [w for w in words[1:] if "=" not in w]
            problems += [f"{command}: no target {w}" for w in named if w not in targets]
        else:
            problems += [f"{command}: {p}" for p in _unknown(words[1:])]
    assert not problems, "\n".join(problems)


MODEL = re.compile(r"\b((?:stg_\w+?|int|canonical|worklist|metric)__[a-z][a-z0-9_]*)(?![\w*])")
MODULE = re.compile(r"`((?:lakeward\.)?(?:\w+\.)+\w+)(?:\(\))?`")


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_models_and_modules_that_a_page_names_exist(
    page: Path, root: Path, modules: list[Module]
) -> None:
    # architecture.md named a model and a module that a rename had taken away
    text = page.read_text()
    models = {path.stem for path in root.glob("dbt_project/models/**/*.sql")}
    missing = [name for name in MODEL.findall(text) if name not in models]
    rooms = {m.name.split(".")[1] for m in modules if m.name.count(".") > 1}
    names = {m.name.removeprefix("lakeward.") for m in modules}
    for name in (n.removeprefix("lakeward.") for n in MODULE.findall(text)):
        parts = name.split(".")
        # `contracts.model.Check`: a module, then what it defines
        if parts[0] in rooms and len(parts) > 1 and not _defined(parts, names, modules):
            missing.append(name)
    assert not missing, f"named and not there: {sorted(set(missing))}"


def _defined(parts: list[str], names: set[str], modules: list[Module]) -> bool:
    """Return whether a dotted name is a module, or something that a module names."""
    if ".".join(parts) in names or any(n.startswith(".".join(parts) + ".") for n in names):
        return True
    owners = [m for m in modules if m.name == "lakeward." + ".".join(parts[:-1])]
    return any(re.search(rf"\b{re.escape(parts[-1])}\b", m.text) for m in owners)


def _commands(text: str) -> Iterator[str]:
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").split("\n"):
            if match := VERB.fullmatch(line.strip()):
                yield match["command"]
    yield from INLINE.findall(FENCE.sub("", text))


def _unknown(words: list[str]) -> Iterator[str]:
    """Walk down the command tree; name the first word that is no command, and unknown options."""
    command: click.Command = typer.main.get_command(app)
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        name = rest.pop(0)
        if name not in command.commands:
            if not name.startswith("-"):
                yield f"no command {name}"
            return
        command = command.commands[name]
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    given = [word.split("=")[0] for word in rest if word.startswith("--")]
    yield from (f"no option {option}" for option in given if option not in known)

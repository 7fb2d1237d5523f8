"""Fixtures of the tests about the repository."""

import subprocess
from pathlib import Path

import pytest
from checkout import ROOT, Module, read_modules


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every module of `lakeward`, by name."""
    return read_modules()


@pytest.fixture(scope="session")
def tracked() -> dict[str, str]:
    """Text of every file that git tracks or would track, by path below the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    texts = {}
    for name in filter(None, listing.stdout.decode().split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            texts[name] = content.decode("utf-8", errors="replace")
    return texts

"""The manifest pages of a job as evidence on disk, and the files that they name.

Pages are kept verbatim with their headers. A file is identified by its position (page, array,
index, as `1/output/0`), which stays when its URL expires and the server gives another one. Its name
in the delivery comes from the first URL.

Source: Bulk Data Access STU3, export, "Response - Complete Status" (`output`, `deleted`, `error`,
`link` with relation next, `allowPartialManifests`); STU4 ballot renames `error` to `outcome`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin

from lakeward.core.foreign_json import read_json
from lakeward.fhir.bulk.store import write_text
from lakeward.fhir.bulk.transport import Answer
from lakeward.landing.manifest import Manifest, ManifestFile, parse_manifest

KEPT_HEADERS = frozenset(
    {"content-type", "date", "expires", "last-modified", "etag", "x-progress", "x-export-status"}
)
"""Others may hold secrets, as `set-cookie`."""

NAME_LENGTH = 100
RESERVED = frozenset({"manifest.json", "_complete"})
"""Names that mean something in a delivery, in lower case: some disks ignore case."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class FileEntry:
    """A file of a manifest.

    Attributes:
        key: Its position, `<page>/<array>/<index>`.
        name: Its name in the delivery.
        promised: What the manifest states: kind, type, URL, count, size.
        with_token: The manifest's `requiresAccessToken`.
        is_organized: The manifest has `outputOrganizedBy`: files hold header lines too.
    """

    key: str
    name: str
    promised: ManifestFile
    with_token: bool
    is_organized: bool


@dataclass(frozen=True)
class Page:
    """A manifest page: the URL that it was asked at, and its body."""

    url: str
    body: Mapping[str, Any]

    @property
    def manifest(self) -> Manifest:
        """Return the page as a manifest, whatever version of the guide it follows."""
        return parse_manifest(self.body, "bulk manifest")


def keep_page(folder: Path, number: int, page: Page, answer: Answer, refresh: int = 0) -> None:
    """Write an answer as page `number` (from 1); the pages of a refresh are kept beside the first.

    Raises:
        SpecError: The page is not a manifest.
    """
    parse_manifest(page.body, "bulk manifest")  # raises before anything is written
    # the body to the letter and not as parsed: a dispute with the server's operator needs evidence
    headers = {name: value for name, value in answer.headers.items() if name in KEPT_HEADERS}
    text = answer.body.decode(json.detect_encoding(answer.body))
    record = {"url": page.url, "status": answer.status, "headers": headers, "body": text}
    write_text(folder / _page_name(number, refresh), json.dumps(record, indent=1))


def read_pages(folder: Path, count: int, refresh: int = 0) -> list[Page]:
    """Read the first `count` pages of a job, as answered first or in a refresh (from 1)."""
    found = []
    for number in range(1, count + 1):
        record = json.loads((folder / _page_name(number, refresh)).read_text(encoding="utf-8"))
        found.append(Page(record["url"], read_json(record["body"])))
    return found


def is_continuation(before: Page, after: Page) -> bool:
    """Return whether a page that was asked for again only grew or got new URLs.

    The guide demands it (STU3: a partial manifest may only add `link`, and URLs may be refreshed).
    With entries that move, a file fetched under one position would be taken for another.
    """
    return all(
        _promises(before, kind) == _promises(after, kind)[: len(_promises(before, kind))]
        for kind in ("output", "deleted", "outcome")
    )


def file_entries(first: Sequence[Page], latest: Sequence[Page]) -> list[FileEntry]:
    """List the files of all pages, with names of the first answers and URLs of the latest."""
    taken: set[str] = set()
    urls = {key: file.url for key, file, _ in _placed(latest)}
    return [
        FileEntry(
            key=key,
            name=_unique(safe_name(file), taken),
            promised=replace(file, url=urls.get(key, file.url)),
            with_token=manifest.requires_access_token,
            is_organized=manifest.organized_by is not None,
        )
        for key, file, manifest in _placed(first)
    ]


def merged_manifest(
    pages: Sequence[Page], entries: Sequence[FileEntry], request: str | None
) -> dict[str, Any]:
    """Build one manifest for a delivery: all pages, each `url` the name of the file beside it.

    The server's own URLs are only in the evidence: many are signed, so whoever has one can fetch
    the file until it expires.
    """
    names = {entry.key: entry.name for entry in entries}
    merged = {k: v for k, v in pages[0].body.items() if k not in ("link", "extension", *_ARRAY_OF)}
    # the files are local now: nobody must think that a token is needed for them
    merged |= {"requiresAccessToken": False, "output": []}
    # STU4 has no `request`, and the loading takes the group of an export from it
    if not merged.get("request") and request:
        merged["request"] = request
    for number, page in enumerate(pages, start=1):
        for array in _ARRAY_OF:
            for position, entry in enumerate(page.body.get(array) or []):
                name = names[f"{number}/{array}/{position}"]
                # `continuesInFile` names a URL of the server; extensions are in the evidence
                kept = {k: v for k, v in entry.items() if k not in ("extension", "continuesInFile")}
                merged.setdefault(array, []).append({**kept, "url": name})
    return merged


def safe_name(file: ManifestFile) -> str:
    """Return a file name that is safe on any disk and close to the server's own.

    Without a path, control characters or a leading dot, at most `NAME_LENGTH` characters, ASCII.
    """
    name = _UNSAFE.sub("_", file.name).strip("._-")[-NAME_LENGTH:].lstrip("._-")
    if not name or name.lower() in RESERVED:
        name = f"{file.type or file.kind}.{name or 'ndjson'}"
    return name


_ARRAY_OF = ("output", "deleted", "error", "outcome")
"""Arrays of files in the order in which `parse_manifest` reads them."""


def _placed(pages: Sequence[Page]) -> Iterator[tuple[str, ManifestFile, Manifest]]:
    for number, page in enumerate(pages, start=1):
        manifest = page.manifest
        files = iter(manifest.files)
        for array in _ARRAY_OF:
            for position, _ in enumerate(page.body.get(array) or []):
                file = next(files)
                absolute = replace(file, url=urljoin(page.url, file.url))
                yield f"{number}/{array}/{position}", absolute, manifest


def _promises(page: Page, kind: str) -> list[tuple[str | None, int | None]]:
    return [(file.type, file.count) for file in page.manifest.files if file.kind == kind]


def _unique(name: str, taken: set[str]) -> str:
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    found, number = name, 1
    while found.lower() in taken:
        number += 1
        found = f"{stem}-{number}{suffix}"
    taken.add(found.lower())
    return found


def _page_name(number: int, refresh: int) -> str:
    return f"page-{number}.json" if not refresh else f"page-{number}.refresh-{refresh}.json"

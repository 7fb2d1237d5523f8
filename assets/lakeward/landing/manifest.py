"""The manifest of a FHIR bulk export, whatever version of the guide it follows, as one shape.

Read here because a delivery may carry one; fetching exports belongs to `lakeward.fhir.bulk`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from lakeward.core.errors import SpecError

FileKind = Literal["output", "deleted", "outcome"]

_ARRAYS: tuple[tuple[str, FileKind], ...] = (
    ("output", "output"),
    ("deleted", "deleted"),
    ("error", "outcome"),  # STU1 to STU3
    ("outcome", "outcome"),  # STU4
)
# `$export` may come percent-encoded, as `%24export`
_BASE = re.compile(r"(https?://[^?#]+?)(?:/Group/[^/?#]+|/Patient)?/(?:\$|%24)export")
_GROUP = re.compile(r"/(Group/[A-Za-z0-9\-.]{1,64}|Patient)/(?:\$|%24)export")
_TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}")


@dataclass(frozen=True)
class ManifestFile:
    """One file that a manifest names.

    Attributes:
        kind: `output` are resources, `deleted` Bundles of deletions, `outcome` OperationOutcomes.
        url: Where the file is fetched.
        type: Resource type that it promises, if any.
        count: Resources that it promises, if any.
        size: Bytes that it promises, if any.
    """

    kind: FileKind
    url: str
    type: str | None = None
    count: int | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """Return the last part of the URL's path: the name of the file in a delivery."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1])


@dataclass(frozen=True)
class Manifest:
    """What an export holds.

    Attributes:
        transaction_time: Everything changed up to this instant is in the export.
        files: All files, in the manifest's order.
        requires_access_token: Whether file requests must carry the token (else they must not).
        request_url: The kick-off request; STU4 has none.
        organized_by: Resource type by which files are cut into blocks, if any.
        next_url: Next page of the manifest; markers such as `#pending` are no page.
    """

    transaction_time: datetime | None
    files: tuple[ManifestFile, ...]
    requires_access_token: bool = False
    request_url: str | None = None
    organized_by: str | None = None
    next_url: str | None = None

    @property
    def group(self) -> str | None:
        """Return what was exported, from the request: `Group/<id>`, `Patient` or `system`."""
        if self.request_url is None:
            return None
        found = _GROUP.search(urlsplit(self.request_url).path)
        return found.group(1) if found else "system"

    @property
    def asked_types(self) -> tuple[str, ...]:
        """Return the resource types that the request asked for; none when it asked for all."""
        # one comma list, or a parameter for each type: see `BulkExport.kickoff`
        query = parse_qsl(urlsplit(self.request_url or "").query)
        names = [n.strip() for key, value in query if key == "_type" for n in value.split(",")]
        return tuple(dict.fromkeys(name for name in names if _TYPE.fullmatch(name)))

    @property
    def server_base(self) -> str | None:
        """Return the base URL of the server that was asked, from the request."""
        if self.request_url is None:
            return None
        found = _BASE.match(self.request_url)
        return found.group(1) if found else None

    def file(self, name: str) -> ManifestFile | None:
        """Find a file by the name under which it lies in a delivery."""
        return next((f for f in self.files if f.name == name), None)


def parse_manifest(data: Any, where: str) -> Manifest:
    """Read a manifest of STU1 to STU4; properties that nobody reads here are passed over.

    Source: FHIR Bulk Data Access, Bulk Data Output File Request, "Response - Complete Status".

    Raises:
        SpecError: It is no manifest; the text names the property, not its value.
    """
    if not isinstance(data, Mapping) or not _is_manifest(data):
        raise SpecError(where, "is no bulk export manifest", "an object with `output`")
    return Manifest(
        transaction_time=_instant(data.get("transactionTime")),
        files=tuple(
            file
            for key, kind in _ARRAYS
            for number, entry in enumerate(data.get(key) or [])
            if (file := _file(entry, kind, f"{where} {key}[{number}]"))
        ),
        requires_access_token=data.get("requiresAccessToken") is True,
        request_url=_text(data.get("request")),
        organized_by=_text(data.get("outputOrganizedBy")),
        next_url=_next(data.get("link") or []),
    )


def _is_manifest(data: Mapping[str, Any]) -> bool:
    """A published or submitted manifest may have no `output`; then others give it away."""
    if "output" in data:
        return isinstance(data["output"], list)
    return "transactionTime" in data and "requiresAccessToken" in data


def _file(entry: Any, kind: FileKind, where: str) -> ManifestFile:
    if not isinstance(entry, Mapping) or not _text(entry.get("url")):
        raise SpecError(where, "names no file", "an object with `url`")
    return ManifestFile(
        kind=kind,
        url=str(entry["url"]),
        type=_text(entry.get("type")),
        count=_number(entry.get("count")),
        size=_number(entry.get("fileSize")),
    )


def _next(links: Any) -> str | None:
    urls = [
        _text(link.get("url"))
        for link in links
        if isinstance(link, Mapping) and link.get("relation") == "next"
    ]
    return next((url for url in urls if url and not url.startswith("#")), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    # `true` is an int to Python, and `²` is a digit to it
    text = str(value)
    return int(text) if not isinstance(value, bool) and text.isdigit() and text.isascii() else None


def _instant(value: Any) -> datetime | None:
    """Read an instant; one without an offset orders nothing."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None

"""The manifest of a FHIR bulk export, whatever version of the guide it follows, as one shape.

Read here because a delivery may carry one; fetching exports belongs to `lakeward.fhir.bulk`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

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
        # split again after the escapes are read: `%2E%2E%2Fx` is a name and leads nowhere
        whole = unquote(urlsplit(self.url).path.rsplit("/", 1)[-1])
        return "".join(c for c in whole.rsplit("/", 1)[-1] if c.isprintable())


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


COUNT_LIMIT = 10**15
"""Promised counts and sizes end here: no export is so large, and no table holds 20 digits."""


def _whole_text(value: str) -> str:
    # JSON may escape half of a pair, `\\ud800`: no table can hold that and no message print it
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("text without a lone surrogate")
    return value


def _url(value: str) -> str:
    try:
        urlsplit(value)
    except ValueError:
        raise ValueError("a URL") from None
    return value


def _number(value: object) -> object:
    # some servers write numbers as text; `²` is a digit to Python
    if isinstance(value, str) and value.isdigit() and value.isascii():
        return int(value[: len(str(COUNT_LIMIT)) + 1])
    return value


Text = Annotated[str, AfterValidator(_whole_text)]
Url = Annotated[Text, AfterValidator(_url)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=0, le=COUNT_LIMIT)]


class _Part(BaseModel):
    # the guide lets servers add properties of their own, so those unknown are passed over
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _File(_Part):
    url: Annotated[Url, Field(min_length=1)]
    type: Text | None = None
    count: Count | None = None
    fileSize: Count | None = None  # noqa: N815  (the guide's name)


class _Link(_Part):
    relation: Text | None = None
    url: Url | None = None


class _Manifest(_Part):
    """What is read of a manifest, by the names of the guide."""

    transactionTime: Text | None = None  # noqa: N815
    requiresAccessToken: bool | None = None  # noqa: N815
    request: Url | None = None
    outputOrganizedBy: Text | None = None  # noqa: N815
    output: list[_File] | None = None
    deleted: list[_File] | None = None
    error: list[_File] | None = None
    outcome: list[_File] | None = None
    link: list[_Link] | None = None


def parse_manifest(data: Any, where: str) -> Manifest:
    """Read a manifest of STU1 to STU4; properties that nobody reads here are passed over.

    Source: FHIR Bulk Data Access, Bulk Data Output File Request, "Response - Complete Status".

    Raises:
        SpecError: It is no manifest; the text names the property, not its value.
    """
    if not is_manifest(data):
        raise SpecError(where, "is no bulk export manifest", "an object with `output`")
    try:
        read = _Manifest.model_validate(data)
    except ValidationError as error:
        # the first is enough to go on with; pydantic would quote the input, and we never do
        first = error.errors(include_input=False, include_url=False)[0]
        expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        remedy = "ask the sender for the manifest again"
        place = f"{where} {'.'.join(map(str, first['loc']))}"
        raise SpecError(place, "is not as the guide says", expected, remedy) from None
    return Manifest(
        transaction_time=_instant(read.transactionTime),
        files=tuple(
            ManifestFile(kind, file.url, file.type or None, file.count, file.fileSize)
            for key, kind in _ARRAYS
            for file in getattr(read, key) or ()
        ),
        requires_access_token=read.requiresAccessToken is True,
        request_url=read.request or None,
        organized_by=read.outputOrganizedBy or None,
        next_url=_next(read.link or []),
    )


def is_manifest(data: Any) -> bool:
    """Return whether some JSON means to be the manifest of an export, right or wrong.

    A published or submitted manifest may have no `output`; then others give it away.
    """
    if not isinstance(data, Mapping):
        return False
    return "output" in data or {"transactionTime", "requiresAccessToken"} <= data.keys()


def _next(links: list[_Link]) -> str | None:
    urls = [link.url for link in links if link.relation == "next"]
    return next((url for url in urls if url and not url.startswith("#")), None)


def _instant(value: str | None) -> datetime | None:
    """Read an instant; one without an offset orders nothing."""
    try:
        found = datetime.fromisoformat(value) if value else None
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):  # the first and the last hours have no instant in UTC
        return None

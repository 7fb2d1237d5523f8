"""The `bulk` section of a source in `sources.yaml`: pure data, checked when it is read.

How an export is run belongs to `lakeward.fhir.bulk`. There is no secret here: keys are files.
"""

from datetime import time
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts to which a request may be sent without TLS: nothing leaves the machine."""

# a filter chooses resources; these would cut or reorder the result, and the guide forbids them
_RESULT_CONTROL = ("_sort", "_include", "_revinclude", "_count", "_elements", "_summary", "_total")


class BulkExport(BaseModel):
    """How a source's data is pulled from a FHIR server with the Bulk Data Access guide.

    Every field is read in `lakeward.fhir.bulk`, but `start_at` (`orchestration.exports`). When to
    set one that has a default is in docs/how-to/pull-a-bulk-export.md.

    Attributes:
        base_url: FHIR base, `https` (plain `http` only on this machine).
        level: What is exported; `group` needs `group`.
        group: Id of the Group resource.
        types: Resource types to ask for; each needs its own scope.
        kickoff: How parameters are sent: Oracle accepts only comma lists, STU4 only POST.
        scopes: `v2` is `system/Patient.rs`, `v1` is `system/Patient.read` (SMART App Launch).
        client_id: As registered; without one the server is open and no token is asked for.
        key_dir: Folder of private keys, relative to the home; default `keys/<source>`.
        kid: Key that signs, for the days of a rotation; default the newest.
        token_url: Token endpoint, if it must not be discovered.
        allow_hosts: `host` or `host:port` that may see the token, beside that of `base_url`.
        proxy: Proxy for all requests; that of the environment is not used.
        ca_file: Certificates to trust instead of the usual ones.
        since_mode: `none` for servers without lastUpdated (Epic): every export is full.
        overlap_minutes: Minutes asked for twice, because a server's transactionTime may be late.
        full_export_every_days: Days after which everything is asked for again, to get what
            increments left out.
        membership: Follow who joins and leaves the group; who joins comes with all history.
        start_at: Time of day in the facility's zone from which automation starts an export.
        max_age_hours: Hours after which an export is given up (Epic: 720).
        max_wait_seconds: Longest pause between two status requests, whatever the server asks.
        max_back_off_seconds: Longest pause after 429 and 503.
        concurrency: Files fetched at the same time. More than a few bring 429 and 502: Oracle has
            served exports of 20,000 files.
        retries: Attempts at one file.
        max_line_bytes: A longer line fails its file.
        lenient: Let the server ignore parameters that it does not support; what came is counted.
        separate_export_status: Ask for `X-Export-Status` (STU3).
        partial_manifests: Fetch files while the export still runs (STU3).
        output_format: `_outputFormat`; some servers accept only `ndjson`.
        elements: Root elements to ask for; the resources come with the tag SUBSETTED.
        associated_data: Codes of `includeAssociatedData`.
        type_filters: FHIR searches, `Type?parameter=value`; those of one type are alternatives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    level: Literal["group", "patient", "system"] = "group"
    group: str | None = Field(default=None, pattern=r"^[A-Za-z0-9\-.]{1,64}$")
    types: tuple[str, ...] = Field(min_length=1)
    kickoff: Literal["get_comma", "get_repeat", "post_parameters"] = "get_comma"
    scopes: Literal["v1", "v2"] = "v2"
    client_id: str | None = None
    key_dir: str | None = None
    kid: str | None = None
    token_url: str | None = None
    allow_hosts: tuple[str, ...] = ()
    proxy: str | None = None
    ca_file: str | None = None
    since_mode: Literal["last_updated", "none"] = "last_updated"
    overlap_minutes: int = Field(default=10, ge=0)
    full_export_every_days: int = Field(default=7, ge=1)
    membership: bool = True
    start_at: time = time(0, 15)
    max_age_hours: int = Field(default=72, ge=1)
    max_wait_seconds: int = Field(default=300, ge=1)
    max_back_off_seconds: int = Field(default=900, ge=1)
    concurrency: int = Field(default=2, ge=1, le=10)
    retries: int = Field(default=5, ge=1)
    max_line_bytes: int = Field(default=10_000_000, ge=1)
    lenient: bool = False
    separate_export_status: bool = False
    partial_manifests: bool = False
    output_format: str = "application/fhir+ndjson"
    elements: tuple[str, ...] = ()
    associated_data: tuple[str, ...] = ()
    type_filters: tuple[str, ...] = ()

    @property
    def follows_membership(self) -> bool:
        """Return whether the members of a group are compared from export to export."""
        return self.level == "group" and self.membership

    @field_validator("base_url", "token_url")
    @classmethod
    def _protected(cls, value: str | None) -> str | None:
        if value is not None and not is_protected(value):
            raise ValueError("must be an https URL (http only on this machine)")
        return value

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        # only this URL: the token URL is signed as the audience, and must match letter by letter
        return value.rstrip("/")

    @field_validator("types")
    @classmethod
    def _resource_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(name.isalpha() and name[0].isupper() for name in value):
            raise ValueError("must be names of resource types")
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _consistent(self) -> "BulkExport":
        if (self.level == "group") != (self.group is not None):
            raise ValueError("`group` must be given for level group, and only there")
        for text in self.type_filters:
            kind, _, query = text.partition("?")
            names = [part.split("=")[0].split(":")[0] for part in query.split("&")]
            if kind not in self.types or not query:
                raise ValueError("a type filter must be `Type?parameter=value` of one of `types`")
            if set(names) & set(_RESULT_CONTROL):
                raise ValueError("a type filter must not sort, include or cut results")
            # all filters go into one list, which the server splits at every comma
            if self.kickoff == "get_comma" and len(self.type_filters) > 1 and "," in query:
                raise ValueError("several type filters of which one has a comma need get_repeat")
        return self


def is_protected(url: str) -> bool:
    """Return whether a request to a URL cannot be read on its way: TLS, or this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    )

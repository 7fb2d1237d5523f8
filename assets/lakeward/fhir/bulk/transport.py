"""HTTP as the client needs it: TLS only, own redirects, and a token that never leaves its host.

What the answers mean is not decided here. Nothing of a request or answer is logged.

Source: Bulk Data Access STU2, export, security considerations (TLS 1.2 or later); SMART App
Launch 2, best practices: a client must not send its token to wherever a reference points.
"""

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from lakeward.core.errors import PermanentError, RetryableError, UsageError
from lakeward.core.foreign_json import read_json
from lakeward.fhir.bulk.unpacking import unpacked
from lakeward.fhir.bulk.waiting import http_date
from lakeward.landing.bulk import LOOPBACK, BulkExport, is_protected

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
"""Oracle needs one, from the API to the file store; more than a few are a loop."""
MAX_BODY = 256 << 20
"""Bytes of an answer other than a file; a manifest of tens of thousands of files has megabytes."""

MAX_SECONDS = 300.0
"""For one answer. A server that sends a byte now and then would hold the export, and a sensor, for
ever: the client's timeout is for a single read."""

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Answer:
    """An answer that was read to its end; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body read as JSON, None if it is something else."""
        try:
            return read_json(self.body)
        except ValueError:
            return None

    def clock(self, otherwise: datetime) -> datetime:
        """Return the time of the answer by the server's clock, or `otherwise` if it states none."""
        return http_date(self.headers.get("date")) or otherwise


@dataclass(frozen=True)
class Transport:
    """A connection to a server and the hosts that may see its token."""

    client: httpx.Client
    base_url: str
    trusted: frozenset[str]

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        token: str | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send a request and read the whole answer.

        Raises:
            RetryableError: The server cannot be reached or broke off.
            PermanentError: The URL must not be asked, or the answer is too large.
        """
        with self.open(method, url, headers=headers, token=token, content=content) as response:
            body = b"".join(_limited(unpacked(response.iter_raw(), _encoding(response)), url))
            return Answer(response.status_code, _lower(response.headers), body)

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        token: str | None = None,
        content: bytes | None = None,
    ) -> Iterator[httpx.Response]:
        """Send a request and hold the answer open.

        Redirects are followed here and not by httpx. Oracle answers a file request with 307 to
        another host, and the token must not go there; what is posted must not go there either.
        """
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url, token)
            sent = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
            with (
                _our_errors(url),
                self.client.stream(method, url, headers=sent, content=content) as response,
            ):
                target = urljoin(url, response.headers.get("location", ""))
                same = authority(target) == authority(url)
                # what is posted (assertions, lists of patients) is never sent to another origin
                if response.status_code not in REDIRECTS or not (same or method == "GET"):
                    yield response
                    return
            # once lost, the token stays lost, also if a third host redirects back
            token = token if same else None
            # RFC 9110 section 15.4.4: 303 points to something to be read
            if response.status_code == httpx.codes.SEE_OTHER:
                method, content = "GET", None
            url = target
        raise PermanentError(without_query(url), "redirects without end", "an answer")

    def _check(self, url: str, token: str | None) -> None:
        # a server elsewhere must not make us send requests to services of this machine
        local = urlsplit(self.base_url).hostname in LOOPBACK
        if not is_protected(url) or (urlsplit(url).hostname in LOOPBACK and not local):
            raise PermanentError(
                without_query(url),
                "is not protected by TLS",
                "an https URL",
                "ask the server's operator",
            )
        if token and authority(url) not in self.trusted:
            raise UsageError(
                without_query(url),
                "wants the token, and the source does not trust this host",
                "a host of `base_url` or `allow_hosts`",
                "if it belongs to the server, add it to `allow_hosts` in sources.yaml",
            )


@contextmanager
def connect(bulk: BulkExport) -> Iterator[Transport]:
    """Open a transport as a source's settings say; proxies of the environment are not used.

    A proxy that somebody set for downloads of packages would otherwise see every record.
    """
    # httpx logs each URL, and a signed URL gives access to a file
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    context = (
        ssl.create_default_context(cafile=bulk.ca_file)
        if bulk.ca_file
        else httpx.create_ssl_context(trust_env=False)
    )
    # the guide demands 1.2; a system's default may be older
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(
        verify=context,
        trust_env=False,
        proxy=bulk.proxy,
        timeout=httpx.Timeout(120.0, connect=15.0),
        headers={"User-Agent": "lakeward", "Accept-Encoding": "gzip"},
    ) as client:
        hosts = {_with_port(host) for host in bulk.allow_hosts}
        yield Transport(client, bulk.base_url, frozenset({authority(bulk.base_url), *hosts}))


def authority(url: str) -> str:
    """Return `host:port` of a URL, with the default port of its scheme.

    Two URLs may share a token if this is the same for both.
    """
    parts = urlsplit(url)
    return f"{(parts.hostname or '').lower()}:{parts.port or _PORTS.get(parts.scheme, 0)}"


def without_query(url: str) -> str:
    """Return a URL for a message: without user and query, which can hold signatures and ids."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"


def _with_port(host: str) -> str:
    return host.lower() if ":" in host else f"{host.lower()}:443"


@contextmanager
def _our_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise RetryableError(
            without_query(url),
            f"cannot be reached ({type(error).__name__})",
            "an answer",
            "try again",
        ) from None
    except httpx.InvalidURL:
        raise PermanentError(without_query(url), "is no URL", "an absolute URL") from None


def _limited(pieces: Iterator[bytes], url: str) -> Iterator[bytes]:
    size, began = 0, monotonic()
    for piece in pieces:
        if monotonic() - began > MAX_SECONDS:
            raise RetryableError(without_query(url), "answers too slowly", "an answer", "try again")
        size += len(piece)
        if size > MAX_BODY:
            raise PermanentError(
                without_query(url), "answers too much", f"at most {MAX_BODY} bytes"
            )
        yield piece


def _encoding(response: httpx.Response) -> str | None:
    encoding: str | None = response.headers.get("content-encoding")
    return encoding


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}

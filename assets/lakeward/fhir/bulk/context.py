"""What every step of an export is called with: settings, connection, store, log and clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.fhir.bulk.auth import AccessTokens
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.fhir.bulk.journal import Journal
from lakeward.fhir.bulk.keys import key_folder, read_keys
from lakeward.fhir.bulk.polling import Patience
from lakeward.fhir.bulk.state import ExportRun
from lakeward.fhir.bulk.store import Store, store_of
from lakeward.fhir.bulk.transport import Answer, Transport, connect
from lakeward.landing.bulk import BulkExport
from lakeward.landing.sources import Source


@dataclass(frozen=True)
class ExportContext:
    """What the steps of one source share while its connection is open."""

    home: Home
    source: Source
    bulk: BulkExport
    store: Store
    transport: Transport
    tokens: AccessTokens
    clock: ExportClock

    def journal(self, export: ExportRun) -> Journal:
        """Return the log of an export."""
        return Journal(self.store.export_folder(export) / "log.ndjson", self.clock.now)

    def patience(self, export: ExportRun) -> Patience:
        """Return what decides the pause after an answer."""
        return Patience(
            now=self.clock.now(),
            attempt=export.attempts,
            polls=export.job.polls,
            chance=self.clock.chance(),
            running_cap=self.bulk.max_wait_seconds,
            back_off_cap=self.bulk.max_back_off_seconds,
        )

    def ask(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None = None
    ) -> Answer:
        """Send a request with the token, and once more with a new token after a 401.

        A server may revoke a token before it expires, as after a restart, so one 401 says little.
        A second one with a new token is a matter of rights, which the caller reports.
        """
        token = self.tokens.current()
        answer = self.transport.send(method, url, headers=headers, token=token, content=content)
        if answer.status == 401 and token:
            token = self.tokens.current(rejected=token)
            answer = self.transport.send(method, url, headers=headers, token=token, content=content)
        return answer


@contextmanager
def open_context(home: Home, source: Source, clock: ExportClock) -> Iterator[ExportContext]:
    """Open the connection to a source's server; no request is sent yet.

    Raises:
        UsageError: The source has no `bulk` section.
    """
    bulk = bulk_of(source)
    with connect(bulk) as transport:
        folder = key_folder(home, source)
        tokens = AccessTokens(bulk, lambda: read_keys(folder), transport, clock.now)
        store = store_of(home, source.name)
        yield ExportContext(home, source, bulk, store, transport, tokens, clock)


def bulk_of(source: Source) -> BulkExport:
    """Return the `bulk` section of a source.

    Raises:
        UsageError: It has none.
    """
    if source.bulk is None:
        raise UsageError(
            f"source {source.name}",
            "is not pulled with a bulk export",
            "a `bulk` section in sources.yaml",
            "see docs/how-to/pull-a-bulk-export.md",
        )
    return source.bulk

"""What every step of an export gets handed: settings, connection, store, log and clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.fhir.bulk.auth import Tokens
from lakeward.fhir.bulk.clock import Clock
from lakeward.fhir.bulk.journal import Journal
from lakeward.fhir.bulk.keys import key_folder, read_keys
from lakeward.fhir.bulk.polling import Patience
from lakeward.fhir.bulk.state import Export
from lakeward.fhir.bulk.store import Store, store_of
from lakeward.fhir.bulk.transport import Answer, Transport, connect
from lakeward.landing.bulk import BulkExport
from lakeward.landing.sources import Source


@dataclass(frozen=True)
class Context:
    """The surroundings of a step."""

    home: Home
    source: Source
    bulk: BulkExport
    store: Store
    transport: Transport
    tokens: Tokens
    clock: Clock

    def journal(self, export: Export) -> Journal:
        """Give the log of an export."""
        return Journal(self.store.export_folder(export) / "log.ndjson", self.clock.now)

    def patience(self, export: Export) -> Patience:
        """Give what decides the pause after an answer."""
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
        """Make a request with the token; a 401 is answered once with a new one."""
        token = self.tokens.current()
        answer = self.transport.send(method, url, headers=headers, token=token, content=content)
        if answer.status == 401 and token:
            token = self.tokens.current(refused=token)
            answer = self.transport.send(method, url, headers=headers, token=token, content=content)
        return answer


@contextmanager
def open_context(home: Home, source: Source, clock: Clock) -> Iterator[Context]:
    """Connect to a source's server; nothing is asked yet.

    Raises:
        UsageError: The source is not pulled.
    """
    bulk = bulk_of(source)
    with connect(bulk) as transport:
        folder = key_folder(home, source)
        tokens = Tokens(bulk, lambda: read_keys(folder), transport, clock.now)
        store = store_of(home, source.name)
        yield Context(home, source, bulk, store, transport, tokens, clock)


def bulk_of(source: Source) -> BulkExport:
    """Give how a source is pulled.

    Raises:
        UsageError: It is not.
    """
    if source.bulk is None:
        raise UsageError(
            f"source {source.name}",
            "is not pulled with a bulk export",
            "a `bulk` section in sources.yaml",
            "see docs/how-to/pull-a-bulk-export.md",
        )
    return source.bulk

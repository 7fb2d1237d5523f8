"""A FHIR bulk server for tests: real HTTP on 127.0.0.1, the deviations of real ones as switches.

It keeps the guide where no switch says otherwise, checks tokens and assertions like a real server,
and remembers every request. Two of them are two origins.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet

Resource = dict[str, Any]


@dataclass(frozen=True)
class Scripted:
    """An answer given instead of the regular one; an empty body is no body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


def outcome(code: str, severity: str = "error") -> Resource:
    """An OperationOutcome; its text holds what must never be logged."""
    issue = {"severity": severity, "code": code, "diagnostics": "Patient SECRETNAME not exported"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@dataclass
class Switches:
    """How the server deviates from the guide, and what it holds.

    Attributes:
        version: Which manifest it writes: STU 1 to 4.
        busy: Status requests answered 202 before the export is ready.
        retry_after: Header of 202 answers.
        progress: `X-Progress` of 202 answers.
        separate_status: 200 with `X-Export-Status`, as asked for by Prefer.
        pages: Manifest pages into which the files are dealt.
        is_partial: Pages come with 202 while the export runs.
        grows: The only page grows with each status request.
        rows: Resources per file.
        deleted: Lines of `deleted` files.
        outcomes: OperationOutcomes of the outcome file.
        members: Ids of the group's members; None: all patients.
        needs_token: `requiresAccessToken`.
        token_seconds: `expires_in`.
        grant: Scope granted, whatever was asked.
        revoke_after: Files after which the token of that time stops being accepted.
        redirect: Origin to which file requests are redirected, with 307.
        file_origin: Origin of file URLs.
        encoding: `gzip`, `identity`, `claims` (plain called gzip) or `hides` (gzip called nothing).
        cut: Connections broken in the middle of a file, so many times.
        damage: What happens to the bytes of a file.
        count_error: Added to each `count`.
        expire_after: Files given before all URLs expire; asking the status again mends it.
        one_at_a_time: 429 on kick-off until the export before is deleted.
        ignores_since: Exports everything.
        ignores_filters: Takes no notice of `_typeFilter`.
        transaction_time: Of the manifest; default: the time of the kick-off.
        scripts: Answers by kind of request, used up one by one.
    """

    version: int = 3
    busy: int = 0
    retry_after: str | None = None
    progress: str | None = None
    separate_status: bool = False
    pages: int = 1
    is_partial: bool = False
    grows: bool = False
    rows: int = 1000
    deleted: list[Any] = field(default_factory=list)
    outcomes: list[Resource] = field(default_factory=list)
    members: list[str] | None = None
    needs_token: bool = True
    token_seconds: int = 300
    grant: str | None = None
    revoke_after: int | None = None
    redirect: str | None = None
    file_origin: str | None = None
    encoding: str = "gzip"
    cut: int = 0
    damage: Callable[[bytes], bytes] | None = None
    count_error: int = 0
    expire_after: int | None = None
    one_at_a_time: bool = False
    ignores_since: bool = False
    ignores_filters: bool = False
    transaction_time: datetime | None = None
    scripts: dict[str, list[Scripted]] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    kind: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> list[tuple[str, Any]]:
        """The kick-off parameters, whichever way they were sent."""
        if self.method == "GET":
            return list(self.query)
        listed = json.loads(self.body)["parameter"]
        return [(p["name"], next(v for k, v in p.items() if k.startswith("value"))) for p in listed]


@dataclass
class Export:
    """An export the server runs: the files it made, how often it was asked, what is expired."""

    number: int
    started: datetime
    request: str
    files: list[tuple[str, str, bytes, int]] = field(default_factory=list)
    polls: int = 0
    generation: int = 0
    oldest: int = 0
    is_deleted: bool = False


class BulkServer:
    """The server; `resources` are what it holds, `switches` what it does with them."""

    def __init__(
        self, now: Callable[[], datetime], resources: list[Resource], **switches: Any
    ) -> None:
        self.now = now
        self.resources = resources
        self.switches = Switches(**switches)
        self.jwks: dict[str, Any] | None = None
        self.seen: list[Seen] = []
        self.exports: list[Export] = []
        self.files_given = 0
        self.tokens: dict[str, datetime] = {}
        self.revoked: set[str] = set()
        self.assertions: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.jtis: set[str] = set()
        self.lock = Lock()
        self.errors: list[Exception] = []
        self.origin = ""

    @property
    def base_url(self) -> str:
        """FHIR base."""
        return f"{self.origin}/fhir"

    def of(self, kind: str) -> list[Seen]:
        """The requests of a kind: kickoff, status, page, file, delete, token, discovery."""
        return [seen for seen in self.seen if seen.kind == kind]

    @contextmanager
    def running(self) -> Iterator["BulkServer"]:
        """Serve in a thread until the block ends."""
        server = self

        class Handler(_Handler):
            bulk = server

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.daemon_threads = True
        self.origin = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=lambda: http.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            http.shutdown()
            http.server_close()
            thread.join()
        assert not self.errors


class _Handler(BaseHTTPRequestHandler):
    bulk: BulkServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.bulk.now().astimezone(UTC), usegmt=True)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        kind = _kind(self.command, path)
        headers = {k.lower(): v for k, v in self.headers.items()}
        query = parse_qsl(urlsplit(self.path).query)
        seen = Seen(kind, self.command, path, query, headers, body)
        with self.bulk.lock:
            self.bulk.seen.append(seen)
            script = self.bulk.switches.scripts.get(kind)
            if script:
                self._answer(script.pop(0))
                return
            try:
                getattr(self, f"_{kind}")(seen)
            except ConnectionError:
                pass  # the client went away
            except Exception as error:
                self.bulk.errors.append(error)
                raise

    def _answer(self, answer: Scripted) -> None:
        data = answer.body if isinstance(answer.body, bytes) else b""
        if answer.body is not None and not isinstance(answer.body, bytes):
            data = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _unknown(self, seen: Seen) -> None:
        self._answer(Scripted(404, body=outcome("not-found")))

    def _discovery(self, seen: Seen) -> None:
        self._answer(
            Scripted(
                200,
                body={
                    "token_endpoint": f"{self.bulk.origin}/token",
                    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                    "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                },
            )
        )

    def _token(self, seen: Seen) -> None:
        form, bulk = dict(parse_qsl(seen.body.decode())), self.bulk
        try:
            keys = KeySet.import_key_set(bulk.jwks or {"keys": []})
            signed = jwt.decode(form["client_assertion"], keys, algorithms=["RS384", "ES384"])
            claims, now = signed.claims, bulk.now().timestamp()
            assert form["grant_type"] == "client_credentials"
            assert claims["aud"] == f"{bulk.origin}/token"
            assert claims["iss"] == claims["sub"]
            assert now < claims["exp"] <= now + 300
            assert claims["jti"] not in bulk.jtis
        except Exception:
            self._answer(Scripted(400, body={"error": "invalid_client"}))
            return
        bulk.jtis.add(claims["jti"])
        bulk.assertions.append((signed.header, claims))
        token = f"token-{len(bulk.tokens) + 1}"
        bulk.tokens[token] = bulk.now()
        self._answer(
            Scripted(
                200,
                body={
                    "access_token": token,
                    "token_type": "bearer",
                    "expires_in": bulk.switches.token_seconds,
                    "scope": bulk.switches.grant or form["scope"],
                },
            )
        )

    def _is_authorized(self, seen: Seen) -> bool:
        bulk = self.bulk
        if bulk.jwks is None:
            return True
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        given = bulk.tokens.get(token)
        age = (bulk.now() - given).total_seconds() if given else None
        good = age is not None and age < bulk.switches.token_seconds and token not in bulk.revoked
        if not good:
            self._answer(Scripted(401, body=outcome("login")))
        return good

    def _kickoff(self, seen: Seen) -> None:
        bulk = self.bulk
        if not self._is_authorized(seen):
            return
        alive = [e for e in bulk.exports if not e.is_deleted]
        if bulk.switches.one_at_a_time and alive:
            self._answer(Scripted(429, {"Retry-After": "60"}, outcome("throttled")))
            return
        export = Export(len(bulk.exports) + 1, bulk.now(), f"{bulk.origin}{self.path}")
        export.files = list(_files(bulk, seen))
        bulk.exports.append(export)
        where = f"{bulk.origin}/status/{export.number}"
        self._answer(Scripted(202, {"Content-Location": where}))

    def _status(self, seen: Seen) -> None:
        self._manifest(seen, 1)

    def _page(self, seen: Seen) -> None:
        self._manifest(seen, int(seen.path.split("/")[3]))

    def _manifest(self, seen: Seen, page: int) -> None:
        bulk, switches = self.bulk, self.bulk.switches
        if not self._is_authorized(seen):
            return
        export = bulk.exports[int(seen.path.split("/")[2]) - 1]
        if export.is_deleted:
            self._answer(Scripted(404, body=outcome("not-found")))
            return
        export.polls += 1
        separate = switches.separate_status and "separate-export-status" in bulk_prefer(bulk)
        ready = export.polls > switches.busy
        headers = {"Retry-After": switches.retry_after} if switches.retry_after else {}
        headers |= {"X-Progress": switches.progress} if switches.progress else {}
        if not ready and not (switches.is_partial or switches.grows):
            if separate:
                self._answer(Scripted(200, {**headers, "X-Export-Status": "202 Accepted"}))
            else:
                self._answer(Scripted(202, headers))
            return
        export.generation += 1
        expires = {"Expires": format_datetime(bulk.now().astimezone(UTC), usegmt=True)}
        body = self._body(export, page, ready=ready)
        status = 200 if ready or separate else 202
        headers = {**(expires if ready else headers), "Content-Type": "application/json"}
        if separate:
            headers["X-Export-Status"] = "200"
        self._answer(Scripted(status, headers, body))

    def _body(self, export: Export, page: int, *, ready: bool) -> Resource:
        bulk, switches = self.bulk, self.bulk.switches
        origin = switches.file_origin or bulk.origin
        share = -(-len(export.files) // switches.pages) or 1
        shown = export.files[(page - 1) * share : page * share]
        if switches.grows and not ready:
            shown = shown[: export.polls]
        body: Resource = {
            "transactionTime": _text(switches.transaction_time or export.started),
            "requiresAccessToken": switches.needs_token,
        }
        last = "outcome" if switches.version == 4 else "error"
        body |= {"output": []} if switches.version == 1 else {"output": [], "deleted": []}
        body |= {last: []}
        if switches.version < 4:
            body["request"] = export.request
        else:
            body["manifestType"] = "http://hl7.org/fhir/uv/bulkdata/manifest"
            body["outputFormat"] = "application/fhir+ndjson"
        body["extension"] = [] if switches.version == 4 else {}
        if switches.version == 3:
            body["outputOrganizedBy"] = ""  # as the SMART reference server does
        for kind, name, content, count in shown:
            number = export.files.index((kind, name, content, count))
            url = f"{origin}/files/{export.number}/{export.generation}/{number}/{name}?sig=SECRET"
            entry = {"type": name.split(".")[1], "url": url, "count": count + switches.count_error}
            body.setdefault(last if kind == "outcome" else kind, []).append(entry)
        more = page * share < len(export.files)
        if more and (ready or export.polls > page):
            url = f"{bulk.origin}/status/{export.number}/{page + 1}"
            body["link"] = [{"relation": "next", "url": url}]
        return body

    def _file(self, seen: Seen) -> None:
        bulk, switches = self.bulk, self.bulk.switches
        if switches.redirect:
            self._answer(Scripted(307, {"Location": f"{switches.redirect}{self.path}"}))
            return
        if not switches.needs_token:
            assert "authorization" not in seen.headers
        elif not self._is_authorized(seen):
            return
        _, _, number, generation, position, _ = seen.path.split("/")
        export = bulk.exports[int(number) - 1]
        bulk.files_given += 1
        if switches.revoke_after == bulk.files_given:
            bulk.revoked |= set(bulk.tokens)
        if switches.expire_after is not None and bulk.files_given > switches.expire_after:
            export.oldest, switches.expire_after = export.generation + 1, None
        if int(generation) < export.oldest:
            self._answer(Scripted(410, body=outcome("not-found")))
            return
        self._content(export.files[int(position)][2])

    def _content(self, content: bytes) -> None:
        switches = self.bulk.switches
        content = switches.damage(content) if switches.damage else content
        packed = switches.encoding in ("gzip", "hides")
        data = gzip.compress(content, 1) if packed else content
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+ndjson")
        if switches.encoding in ("gzip", "claims"):
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if switches.cut:
            switches.cut -= 1
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        self.wfile.write(data)

    def _delete(self, seen: Seen) -> None:
        if not self._is_authorized(seen):
            return
        export = self.bulk.exports[int(seen.path.split("/")[2]) - 1]
        status = 404 if export.is_deleted else 202
        export.is_deleted = True
        self._answer(Scripted(status, body=outcome("informational")))


def bulk_prefer(bulk: BulkServer) -> str:
    """What the last kick-off preferred."""
    return bulk.of("kickoff")[-1].headers.get("prefer", "")


def _kind(method: str, path: str) -> str:
    parts = path.strip("/").split("/")
    if path.endswith("/.well-known/smart-configuration"):
        return "discovery"
    if path.endswith("/$export"):
        return "kickoff"
    if parts[0] == "status":
        return "delete" if method == "DELETE" else ("page" if len(parts) > 2 else "status")
    return {"token": "token", "files": "file"}.get(parts[0], "unknown")


def _files(bulk: BulkServer, seen: Seen) -> Iterator[tuple[str, str, bytes, int]]:
    asked: dict[str, list[Any]] = {}
    for name, value in seen.parameters:
        values = value.split(",") if isinstance(value, str) and name == "_type" else [value]
        asked.setdefault(name, []).extend(values)
    found = [r for r in bulk.resources if _is_asked_for(bulk, r, asked)]
    if "_elements" in asked:
        keep = {"resourceType", "id", *asked["_elements"]}
        tag = {"tag": [{"code": "SUBSETTED"}]}
        found = [{**{k: v for k, v in r.items() if k in keep}, "meta": tag} for r in found]
    number = 0
    for kind in asked["_type"]:
        rows = [r for r in found if r["resourceType"] == kind]
        for start in range(0, len(rows), bulk.switches.rows):
            number += 1
            some = rows[start : start + bulk.switches.rows]
            yield "output", f"{number}.{kind}.ndjson", ndjson(some), len(some)
    if "_since" in asked and bulk.switches.deleted:
        lines = bulk.switches.deleted
        yield "deleted", f"{number + 1}.Bundle.ndjson", ndjson(lines), len(lines)
    if bulk.switches.outcomes:
        lines = bulk.switches.outcomes
        yield "outcome", f"{number + 2}.OperationOutcome.ndjson", ndjson(lines), len(lines)


def _is_asked_for(bulk: BulkServer, resource: Resource, asked: dict[str, list[Any]]) -> bool:
    subject = resource.get("subject", {}).get("reference", "").removeprefix("Patient/")
    patient = resource["id"] if resource["resourceType"] == "Patient" else subject
    members = bulk.switches.members
    if "/Group/" in (bulk.seen[-1].path) and members is not None and patient not in members:
        return False
    named = [p["reference"].removeprefix("Patient/") for p in asked.get("patient", [])]
    if named and patient not in named:
        return False
    since = asked.get("_since")
    updated = resource.get("meta", {}).get("lastUpdated")
    if since and updated and not bulk.switches.ignores_since:
        return datetime.fromisoformat(updated) > datetime.fromisoformat(since[0])
    return True


def ndjson(lines: list[Any]) -> bytes:
    """Resources, or lines given as bytes, as a file."""
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return b"".join(text + b"\n" for text in texts)


def _text(instant: datetime) -> str:
    return re.sub(r"\+00:00$", "Z", instant.astimezone(UTC).isoformat(timespec="milliseconds"))

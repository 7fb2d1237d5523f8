"""SMART Backend Services: access tokens, renewed before they expire.

Tokens live in memory only: never in a state, a log or a message. Source: SMART App Launch 2,
backend-services and client-confidential-asymmetric; the assertion is signed by authlib.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7523 import private_key_jwt_sign

from lakeward.core.errors import PermanentError, RetryableError, UsageError
from lakeward.fhir.bulk.keys import Key, signing_key
from lakeward.fhir.bulk.scopes import asked_scope, missing_types, needed_types
from lakeward.fhir.bulk.transport import Answer, Transport, without_query
from lakeward.landing.bulk import BulkExport

ASSERTION_SECONDS = 240
"""Life of the signed assertion. The standard allows 300, and clocks of two machines differ."""
SPARE_SECONDS = 30
"""A token with less life left is renewed: a request takes time to arrive."""
TOKEN_SECONDS = 300
"""Life of a token whose server sends no `expires_in`: the longest that the standard recommends."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_JSON = {"Accept": "application/json"}


@dataclass(frozen=True)
class AccessToken:
    """An access token and when it expires, in seconds since 1970; its text is never printed."""

    text: str = field(repr=False)
    expires_at: float


@dataclass
class AccessTokens:
    """Holds the token of a source and renews it.

    Several threads fetch files at once and share it. Memory is the only place that holds a token.
    """

    bulk: BulkExport
    keys: Callable[[], list[Key]]
    transport: Transport
    now: Callable[[], datetime]
    _held: AccessToken | None = None
    _lock: Lock = field(default_factory=Lock)

    def current(self, rejected: str | None = None) -> str | None:
        """Return a token with at least `SPARE_SECONDS` of life, None for a server without tokens.

        Args:
            rejected: A token that the server answered with 401: it is replaced, whatever its age.
                Threads that report the same one get the same new one.
        """
        if self.bulk.client_id is None:
            return None
        with self._lock:
            held, now = self._held, self.now().timestamp()
            if held is None or held.text == rejected or held.expires_at - now < SPARE_SECONDS:
                held = self._held = _fetch(self, self.bulk.client_id)
            return held.text


def _fetch(tokens: AccessTokens, client_id: str) -> AccessToken:
    url, algorithms = _endpoint(tokens)
    key = signing_key(tokens.keys(), tokens.bulk.kid, algorithms)
    now = tokens.now()
    assertion = private_key_jwt_sign(
        key.private,
        client_id,
        url,
        alg=key.algorithm,
        header={"kid": key.kid, "typ": "JWT"},
        issued_at=int(now.timestamp()),
        expires_in=ASSERTION_SECONDS,
    )
    form = {
        "grant_type": "client_credentials",
        "scope": asked_scope(tokens.bulk),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    # a form, as OAuth demands (RFC 6749 section 4.4), though everything else is JSON
    answer = tokens.transport.send(
        "POST",
        url,
        headers={**_JSON, "Content-Type": "application/x-www-form-urlencoded"},
        content=urlencode(form).encode(),
    )
    return _token(answer, url, tokens.bulk, now)


def _endpoint(tokens: AccessTokens) -> tuple[str, list[str] | None]:
    """Find the token endpoint, and the signing algorithms that it accepts if it lists them."""
    # the assertion names the endpoint as its audience, so a setting is taken letter by letter
    if tokens.bulk.token_url:
        return tokens.bulk.token_url, None
    url = f"{tokens.bulk.base_url}/.well-known/smart-configuration"
    answer = tokens.transport.send("GET", url, headers=_JSON)
    _raise_unless_ok(answer, url, "set `token_url` if the server has no discovery")
    data = answer.json()
    endpoint = data.get("token_endpoint") if isinstance(data, dict) else None
    if not isinstance(endpoint, str):
        raise UsageError(
            without_query(url), "names no token endpoint", "`token_endpoint`", "set token_url"
        )
    methods = _texts(data.get("token_endpoint_auth_methods_supported"))
    if methods and "private_key_jwt" not in methods:
        raise UsageError(
            without_query(url),
            "does not take signed assertions",
            "private_key_jwt",
            "ask the operator",
        )
    return endpoint, _texts(data.get("token_endpoint_auth_signing_alg_values_supported"))


def _token(answer: Answer, url: str, bulk: BulkExport, now: datetime) -> AccessToken:
    _raise_unless_ok(
        answer, url, "check client_id, the registered keys (`lakeward bulk jwks`) and the scopes"
    )
    data = answer.json()
    text = data.get("access_token") if isinstance(data, dict) else None
    if not isinstance(text, str) or not text:
        raise PermanentError(
            without_query(url), "sends no token", "`access_token`", "ask the operator"
        )
    granted = data.get("scope")
    # servers leave the types out that a token does not cover, and the export looks complete:
    # a type that is not granted stops everything
    lacking = missing_types(granted, needed_types(bulk)) if isinstance(granted, str) else []
    if lacking:
        raise UsageError(
            without_query(url),
            f"grants no right to read {', '.join(lacking)}",
            "the scopes asked for",
            "have them granted to the client, or take the types out of sources.yaml",
        )
    lifetime = data.get("expires_in")
    # a number, or a text from servers that quote it
    seconds = int(lifetime) if str(lifetime).isdigit() else TOKEN_SECONDS
    return AccessToken(text, now.timestamp() + seconds)


def _raise_unless_ok(answer: Answer, url: str, remedy: str) -> None:
    if answer.status == 200:
        return
    if answer.status == 429 or answer.status >= 500:
        raise RetryableError(without_query(url), f"answers {answer.status}", "200", "try again")
    data = answer.json()
    code = data.get("error") if isinstance(data, dict) else None
    # a code of OAuth is safe to report; `error_description` is free text and may quote anything
    named = f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
    raise UsageError(
        without_query(url),
        f"answers {answer.status}{named}",
        "200",
        remedy,
    )


def _texts(value: Any) -> list[str] | None:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else None

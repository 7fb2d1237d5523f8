"""The private keys of a source: making one, reading all, publishing their public parts.

A key is a file that only its owner may read: a JSON Web Key (`.json`) or PEM (`.pem`). The newest
signs; all are published, so a rotation is: make a key, publish, wait, remove the old one.
Source: SMART App Launch, client-confidential-asymmetric (RS384 and ES384, `kid`, JWKS).
"""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.landing.sources import Source

Algorithm = Literal["RS384", "ES384"]
RSA_BITS = 3072


@dataclass(frozen=True)
class Key:
    """A private key with its id and the algorithm with which it signs."""

    kid: str
    algorithm: Algorithm
    private: RSAKey | ECKey = field(repr=False)

    def public(self) -> dict[str, Any]:
        """Return the public part, as it is in a JWKS."""
        return {
            **self.private.as_dict(private=False),
            "kid": self.kid,
            "alg": self.algorithm,
            "use": "sig",
            "key_ops": ["verify"],
        }


def key_folder(home: Home, source: Source) -> Path:
    """Return the folder of a source's keys."""
    own = source.bulk.key_dir if source.bulk else None
    return home.root / (own or f"keys/{source.name}")


def generate_key(folder: Path, algorithm: Algorithm, now: datetime) -> Path:
    """Generate a key and write it to a file that only its owner may read.

    Args:
        folder: The folder; made if it is not there.
        algorithm: RS384 or ES384, the two that the standard demands.
        now: The present; part of the key's id, in UTC.

    Returns:
        The file; its name begins with the time, so the newest sorts last.
    """
    made: RSAKey | ECKey = (
        RSAKey.generate_key(RSA_BITS) if algorithm == "RS384" else ECKey.generate_key("P-384")
    )
    kid = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{made.thumbprint()[:8]}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{kid}.json"
    text = json.dumps({**made.as_dict(private=True), "kid": kid, "alg": algorithm, "use": "sig"})
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path


def read_keys(folder: Path) -> list[Key]:
    """Read all keys of a folder, the newest (last by name) first.

    Raises:
        UsageError: There is none, one can be read by others, or one is no key.
    """
    paths = (
        [p for p in folder.glob("*") if p.suffix in {".json", ".pem"}] if folder.is_dir() else []
    )
    if not paths:
        raise UsageError(
            str(folder), "holds no key", "a .json or .pem key", "make one: `lakeward bulk keygen`"
        )
    return [_read(path) for path in sorted(paths, reverse=True)]


def jwks(keys: list[Key]) -> dict[str, Any]:
    """Return the JSON Web Key Set to publish: the public parts of all keys."""
    return {"keys": [key.public() for key in keys]}


def signing_key(keys: list[Key], kid: str | None, accepted: list[str] | None) -> Key:
    """Choose the key that signs: the named one, else the newest of an accepted algorithm.

    Raises:
        UsageError: There is no such key.
    """
    named = [key for key in keys if kid in (None, key.kid)]
    fit = [key for key in named if not accepted or key.algorithm in accepted]
    if not fit:
        raise UsageError(
            "keys",
            "none may sign" if named else f"none is called {kid}",
            f"a key of {', '.join(accepted)}" if named and accepted else "the `kid` of a key",
            "make one: `lakeward bulk keygen`",
        )
    return fit[0]


def _read(path: Path) -> Key:
    if path.stat().st_mode & 0o077:
        raise UsageError(
            str(path), "can be read by others", "a key for its owner only", f"chmod 600 {path}"
        )
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text) if path.suffix == ".json" else {}
        private = _key_of(data) if data else _pem(text)
        algorithm = _algorithm(private, data.get("alg"))
    except (ValueError, TypeError, AttributeError, KeyError, JoseError):
        # without its cause: the library's message could quote the key
        raise UsageError(
            str(path),
            "is no private key",
            "an RSA or P-384 key",
            "make one: `lakeward bulk keygen`",
        ) from None
    return Key(str(data.get("kid") or private.thumbprint()), algorithm, private)


def _key_of(data: dict[str, Any]) -> RSAKey | ECKey:
    return (RSAKey if data["kty"] == "RSA" else ECKey).import_key(data)


def _algorithm(private: RSAKey | ECKey, stated: str | None) -> Algorithm:
    found: Algorithm = "RS384" if isinstance(private, RSAKey) else "ES384"
    fits = isinstance(private, RSAKey) or private.curve_name == "P-384"
    if not private.is_private or not fits or stated not in (None, found):
        raise ValueError
    return found


def _pem(text: str) -> RSAKey | ECKey:
    try:
        return RSAKey.import_key(text)
    except (ValueError, TypeError, JoseError):
        return ECKey.import_key(text)

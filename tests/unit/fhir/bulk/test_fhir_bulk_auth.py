"""Tokens, keys and scopes: what is signed with what, and what never leaves."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from bulk_server import Scripted
from lakeward.core.errors import UsageError
from lakeward.fhir.bulk.keys import generate_key, jwks, key_folder, read_keys, signing_key
from lakeward.fhir.bulk.scopes import asked_scope, missing_types, needed_types
from lakeward.landing.bulk import BulkExport

Make = Callable[..., Any]
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k"}


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_an_assertion_is_signed_as_the_guide_demands(hospital: Make, algorithm: str) -> None:
    one = hospital(auth=True)
    folder = key_folder(one.settings.home, one.source)
    for path in folder.iterdir():
        path.unlink()
    path = generate_key(folder, algorithm, one.time.now())
    one.server.jwks = jwks(read_keys(folder))
    assert one.pull().state == "complete"
    ((header, claims),) = one.server.assertions
    assert header == {"alg": algorithm, "typ": "JWT", "kid": path.stem}
    assert claims["iss"] == claims["sub"] == "lakeward-test"
    assert claims["aud"] == f"{one.server.origin}/token"
    assert 0 < claims["exp"] - one.time.now().timestamp() <= 300
    asked = one.server.of("token")[0].body.decode()
    assert "scope=system%2FEncounter.rs+system%2FPatient.rs&" in asked


def test_each_assertion_has_a_name_of_its_own(hospital: Make) -> None:
    one = hospital(auth=True, rows=1, token_seconds=5)
    assert one.pull().state == "complete"
    named = [claims["jti"] for _, claims in one.server.assertions]
    assert len(named) == len(set(named)) > 10  # too short-lived to be used twice


def test_a_token_about_to_expire_is_renewed_before_a_file(hospital: Make) -> None:
    one = hospital(auth=True, busy=1, retry_after="275")
    assert one.pull().state == "complete"
    assert len(one.server.tokens) == 2
    assert not one.server.revoked


def test_the_newest_key_signs_and_all_are_published(hospital: Make) -> None:
    one = hospital(auth=True)
    folder = key_folder(one.settings.home, one.source)
    newer = generate_key(folder, "RS384", one.time.now() + timedelta(days=1))
    keys = read_keys(folder)
    published = jwks(keys)["keys"]
    assert [k["kid"] for k in published] == [newer.stem, keys[1].kid]
    assert {k["alg"] for k in published} == {"RS384", "ES384"}
    assert not [name for k in published for name in PRIVATE & set(k)]
    assert signing_key(keys, None, None).kid == newer.stem
    assert signing_key(keys, None, ["ES384"]).kid == keys[1].kid
    assert signing_key(keys, keys[1].kid, ["ES384", "RS384"]).kid == keys[1].kid
    with pytest.raises(UsageError, match="none is called gone"):
        signing_key(keys, "gone", None)
    one.server.jwks = {"keys": published}
    assert one.pull().state == "complete"
    assert one.server.assertions[0][0]["kid"] == newer.stem


def test_a_key_is_for_its_owner_only(tmp_path: Path, hospital: Make) -> None:
    path = generate_key(tmp_path / "keys", "ES384", hospital().time.now())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o640)
    with pytest.raises(UsageError, match="can be read by others"):
        read_keys(path.parent)


def test_pem_keys_are_taken_too(tmp_path: Path) -> None:
    for name, key in (
        ("a", RSAKey.generate_key(2048)),
        ("b", ECKey.generate_key("P-384")),
    ):
        (tmp_path / f"{name}.pem").write_bytes(key.as_pem(private=True))
        (tmp_path / f"{name}.pem").chmod(0o600)
    assert [k.algorithm for k in read_keys(tmp_path)] == ["ES384", "RS384"]


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        '{"kty": "oct", "k": "c2VjcmV0"}',
        json.dumps(ECKey.generate_key("P-256").as_dict(private=True)),
        json.dumps(ECKey.generate_key("P-384").as_dict(private=False)),
    ],
)
def test_what_is_no_key_is_rejected_without_quoting_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="is no private key") as caught:
        read_keys(tmp_path)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_rejected_client_gets_a_remedy(hospital: Make) -> None:
    one = hospital(auth=True)
    one.server.jwks = {"keys": []}
    with pytest.raises(UsageError, match=r"answers 400 \(invalid_client\)"):
        one.pull()
    one.server.switches.scripts["discovery"] = [
        Scripted(
            200,
            body={
                "token_endpoint": f"{one.server.origin}/token",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            },
        )
    ]
    with pytest.raises(UsageError, match="does not take signed assertions"):
        one.pull()


def test_no_token_and_no_key_is_written_anywhere(hospital: Make) -> None:
    one = hospital(auth=True, rows=2, cut=1)
    assert one.pull().state == "complete"
    home = one.settings.home.root
    texts = {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and "keys" not in p.parts}
    assert len(texts) > 10
    for name in one.server.tokens:
        assert not [p for p, text in texts.items() if name.encode() in text]
    logs = [text for p, text in texts.items() if p.name == "log.ndjson"]
    assert logs
    assert not [text for text in logs if b"sig=SECRET" in text or b"SECRETNAME" in text]
    manifests = [text for p, text in texts.items() if p.name == "manifest.json"]
    assert not [text for text in manifests if b"sig=SECRET" in text]


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("system/*.rs", []),
        ("system/*.read", []),
        ("system/*.*", []),
        ("system/Patient.cruds system/Encounter.rs", []),
        ("system/Patient.read system/Encounter.read", []),
        ("system/Patient.rs", ["Encounter"]),
        ("system/Patient.rs system/Encounter.s", ["Encounter"]),
        ("system/Patient.rs system/Encounter.rs?class=AMB", ["Encounter"]),
        ("patient/*.rs user/*.rs", ["Encounter", "Patient"]),
        ("", ["Encounter", "Patient"]),
    ],
)
def test_a_grant_covers_what_it_says_and_no_more(granted: str, missing: list[str]) -> None:
    assert missing_types(granted, ["Patient", "Encounter"]) == missing


def test_scopes_are_the_fewest_that_will_do() -> None:
    bulk = BulkExport(
        base_url="https://ehr.example.org/fhir", group="g", types=("Task",), scopes="v1"
    )
    assert needed_types(bulk) == ["Group", "Patient", "Task"]
    assert asked_scope(bulk) == "system/Group.read system/Patient.read system/Task.read"
    alone = bulk.model_copy(update={"membership": False})
    assert asked_scope(alone) == "system/Group.read system/Task.read"

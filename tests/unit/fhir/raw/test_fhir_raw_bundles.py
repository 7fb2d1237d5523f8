"""Where the resources of a Bundle file stand, byte for byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.fhir.raw.bundles import WHOLE, bundle_spans

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"fullUrl": st.text(max_size=4), "resource": VALUES, "request": VALUES}
    ),
    max_size=4,
)


@given(ENTRIES, VALUES, st.sampled_from([None, 1]), st.booleans())
def test_each_entry_is_found_where_it_stands(
    entries: list[dict[str, object]], other: object, indent: int | None, ascii_only: bool
) -> None:
    bundle = {"other": other, "resourceType": "Bundle", "entry": entries, "\u00e9": other}
    content = json.dumps(bundle, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    found = {number: content[start : start + size] for number, start, size in bundle_spans(content)}
    whole = found.pop(WHOLE, None)
    assert {n: json.loads(text.decode("utf-8", "surrogatepass")) for n, text in found.items()} == {
        n: entry["resource"] for n, entry in enumerate(entries, start=1) if "resource" in entry
    }
    assert (whole == content) == (not entries or any("resource" not in e for e in entries))


@pytest.mark.parametrize("text", ["{}", "[]", "5", '{"resourceType":"Patient","entry":[{}]}', '""'])
def test_what_is_no_bundle_has_no_spans(text: str) -> None:
    assert bundle_spans(text.encode()) == []

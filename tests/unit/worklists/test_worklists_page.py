"""The page of a list: opens alone, asks nobody, and shows a script in a name as text."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lists import COLUMNS, meta, row
from websockets.sync.client import connect

from lakeward.worklists.page import page_bytes

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SHOWN = """[...document.querySelectorAll('tbody tr')]
    .filter(r => !r.hidden).map(r => r.cells[0].textContent.trim()).join()"""
BREACH_CLICKED = """[...document.querySelectorAll('th button')]
    .find(b => b.textContent.includes('Breach')).click()"""
HOSTILE = "<script>document.title='owned'</script>"


def test_the_page_is_the_same_each_time_and_names_no_host() -> None:
    content = page_bytes(COLUMNS, meta(), [row(1)])
    assert content == page_bytes(COLUMNS, meta(), [row(1)])
    assert b"http://" not in content
    assert b"https://" not in content


def test_values_are_escaped_and_people_come_before_ids() -> None:
    text = page_bytes(COLUMNS, meta(), [row(1, patient_name=HOSTILE)]).decode()
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert text.index("Patient name") < text.index(">Row<")


def test_an_empty_list_says_that_it_is_empty() -> None:
    assert "No row" in page_bytes(COLUMNS, meta(row_count=0), []).decode()


def test_a_list_that_is_not_current_says_so_before_its_rows() -> None:
    stale = meta(stale=True, stale_since="2026-01-06T00:00:00+11:00")
    text = page_bytes(COLUMNS, stale, [row(1)]).decode()
    assert text.index('role="alert"') < text.index("<table")


@contextmanager
def browser(page: Path, profile: Path) -> Iterator[Any]:
    """Open a page in Chromium; yield a function that evaluates JavaScript in it, and the events."""
    process = subprocess.Popen(
        [
            *(
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-port=0",
            ),
            *(f"--user-data-dir={profile}", "about:blank"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(profile)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            target = next(t for t in json.load(answer) if t["type"] == "page")
        events: list[dict[str, Any]] = []
        with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
            number = 0

            def send(method: str, **params: object) -> Any:
                nonlocal number
                number += 1
                socket.send(json.dumps({"id": number, "method": method, "params": params}))
                while (message := json.loads(socket.recv(timeout=60))).get("id") != number:
                    events.append(message)
                return message["result"]

            for domain in ("Network", "Page", "Runtime", "Log"):
                send(f"{domain}.enable")
            send("Page.navigate", url=page.as_uri())
            while "Page.loadEventFired" not in [e["method"] for e in events]:
                events.append(json.loads(socket.recv(timeout=60)))

            def evaluate(script: str) -> Any:
                return send("Runtime.evaluate", expression=script, returnByValue=True)[
                    "result"
                ].get("value")

            yield evaluate, events
    finally:
        process.terminate()
        process.wait(timeout=30)


def entered(field: str, event: str, value: str) -> str:
    """Return the script that enters a value in a field as a person would."""
    found = f"document.getElementById('{field}')"
    return f"{found}.value = '{value}'; {found}.dispatchEvent(new Event('{event}'))"


def _port(profile: Path) -> int:
    file = profile / "DevToolsActivePort"
    for _ in range(300):
        if file.is_file() and (text := file.read_text()):
            return int(text.split()[0])
        time.sleep(0.1)
    raise AssertionError("the browser did not start")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which is no package of Python")
def test_in_a_browser_it_searches_sorts_and_asks_nobody(tmp_path: Path) -> None:
    page = tmp_path / "list.html"
    rows = [row(1, breach_minutes=90), row(2, breach_minutes=41028), row(3, breach_minutes=700)]
    rows[1]["patient_name"] = HOSTILE
    rows[2]["action"] = "unchanged"
    page.write_bytes(page_bytes(COLUMNS, meta(), rows))
    with browser(page, tmp_path / "profile") as (evaluate, events):
        assert evaluate(SHOWN) == "1,2,3"
        assert "Referral followup" in evaluate("document.title")
        evaluate(entered("search", "input", "OWNED"))
        assert evaluate(SHOWN) == "2"
        assert evaluate("document.getElementById('count').textContent") == "1 of 3 rows"
        evaluate(entered("search", "input", ""))
        evaluate(BREACH_CLICKED)
        assert evaluate(SHOWN) == "1,3,2"
        evaluate(BREACH_CLICKED)
        assert evaluate(SHOWN) == "2,3,1"
        evaluate(entered("action", "change", "new"))
        assert evaluate(SHOWN) == "2,1"
        asked = [
            e["params"]["request"]["url"]
            for e in events
            if e["method"] == "Network.requestWillBeSent"
        ]
        assert [url for url in asked if not url.startswith("file:")] == []
        wrong = [e for e in events if e["method"] in {"Runtime.exceptionThrown", "Log.entryAdded"}]
        assert wrong == []

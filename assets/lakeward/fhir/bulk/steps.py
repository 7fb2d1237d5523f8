"""One step of an export: do the one thing that comes next, keep the result, say when to come back.

Nothing here waits. Each action takes the state of an export and returns the next state, which is
kept before the next action. A kill in between repeats the action, so each must bear repetition:

    intend           writes a time; nothing has been sent
    kick_off         may start a second export at the server: see `_intend`
    poll, refresh    are GET requests; a page is written under its number
    download         leaves out files whose hash is in the file journal
    compare_members  computes the same members from the same files
    land             leaves out files that have been moved
    release          DELETE of a job that is gone is answered 404, which is as good
    finish           leaves a watermark that this export has written

Fetching files is in `fetching`, the last three of one job in `finishing`.

Source: Bulk Data Access STU1 to STU4 ballot, export: kick-off, status and delete requests.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urljoin

from lakeward.core.errors import PermanentError, RetryableError, UsageError
from lakeward.fhir.bulk.context import ExportContext
from lakeward.fhir.bulk.fetching import download
from lakeward.fhir.bulk.finishing import compare_members, finish, land, patients_of
from lakeward.fhir.bulk.journal import record_page
from lakeward.fhir.bulk.kickoff import kick_off
from lakeward.fhir.bulk.pages import Page, is_continuation, keep_page, read_pages
from lakeward.fhir.bulk.polling import (
    Interpretation,
    Meaning,
    interpret_kick_off,
    interpret_status,
    percent,
)
from lakeward.fhir.bulk.state import Action, ExportRun, Job, next_action
from lakeward.fhir.bulk.store import write_text
from lakeward.fhir.bulk.transport import Answer, without_query

STATUS_HEADERS = {"Accept": "application/json", "Cache-Control": "no-cache"}
"""`no-cache`: a proxy that answers from memory would say "running" for ever."""
MAX_PAGES = 10_000
"""A server whose next links never end would be followed until the disk is full."""
RETRY_AFTER_FAILURE = timedelta(hours=1)
"""When automation tries a failed export again; a person may do so at once."""

Step = Callable[[ExportContext, ExportRun], ExportRun]


def step(context: ExportContext, export: ExportRun) -> ExportRun:
    """Do what comes next, if its time has come, and keep the result.

    Raises:
        UsageError: Settings, keys or rights are wrong. The export stays as it was, so that it goes
            on once they are corrected: the job at the server lives meanwhile.
    """
    now = context.clock.now()
    action = next_action(export, now)
    if action is None:
        return export
    # only what needs the server: what is fetched already is landed, however late
    old = now - export.started_at > timedelta(hours=context.bulk.max_age_hours)
    if old and action in _AT_THE_SERVER:
        return context.store.save(_failed(export, "older than max_age_hours", resumable=False))
    try:
        moved = _ACTIONS[action](context, export)
    except UsageError:
        raise
    except RetryableError as error:
        moved = _unreachable(context, export, action, error)
    except PermanentError as error:
        moved = _failed(export, f"{error.where}: {error.what}", resumable=False)
    if moved.state == "failed":
        moved = moved.but(next_at=now + RETRY_AFTER_FAILURE)
    return context.store.save(moved)


def _intend(context: ExportContext, export: ExportRun) -> ExportRun:
    """Keep that a kick-off is about to be sent.

    Between sending it and keeping its answer is the one window that cannot be closed: a kill there
    loses the status URL, and no version of the guide lets a client ask for its jobs. The kick-off
    is then sent again. A server that runs one export at a time (Epic) answers 429 until it has
    forgotten the lost one, which is waited for; any other runs one export too many.
    """
    return _succeeded(export, export.job.but(intended_at=context.clock.now()))


def _kick_off(context: ExportContext, export: ExportRun) -> ExportRun:
    job, log = export.job, context.journal(export)
    request = kick_off(context.bulk, job, patients_of(context, export))
    # our time before the request, if the server sends no Date: the earlier one loses nothing
    sent_at = context.clock.now()
    answer = context.ask(request.method, request.url, dict(request.headers), request.content)
    found = interpret_kick_off(answer, context.patience(export))
    log.record(
        "kickoff",
        answer.headers.get("content-location"),
        exportUrl=without_query(request.url),
        errorCode=None if found.meaning is Meaning.accepted else answer.status,
        requestParameters=dict(request.parameters),
    )
    if found.meaning is Meaning.later and not _has_given_up(context, export, found):
        return _later(context, export, found.wait, "kick-off rejected for now", found.codes)
    if found.meaning is Meaning.unauthorized:
        raise _unauthorized(request.url)
    if found.meaning is not Meaning.accepted:
        return _failed(export, f"kick-off rejected: {found.codes}", resumable=False)
    # the guide wants an absolute URL; some servers send a relative one
    url = urljoin(request.url, answer.headers["content-location"])
    # asked at once, unless the server says when: small exports are ready with the first request
    wait = timedelta(seconds=context.patience(export).wait(answer, running=True))
    started = job.but(
        request_url=request.url,
        status_url=url,
        tail_url=url,
        kicked_off_at=answer.clock(sent_at),
        poll_at=context.clock.now() + (wait if "retry-after" in answer.headers else timedelta(0)),
    )
    return _succeeded(export, started)


def _poll(context: ExportContext, export: ExportRun) -> ExportRun:
    job = export.job
    url = job.tail_url or job.status_url or ""
    answer = context.ask("GET", url, STATUS_HEADERS)
    found = interpret_status(answer, context.patience(export))
    if found.meaning is Meaning.later and not _has_given_up(context, export, found):
        return _later(context, export, found.wait, "status rejected for now", found.codes)
    if found.meaning is Meaning.unauthorized:
        raise _unauthorized(url)
    # `later` comes here only when a doubtful error was waited for too often
    if found.meaning in (Meaning.later, Meaning.failed, Meaning.gone):
        _keep_error(context, export, answer)
        return _failed(export, f"export failed at the server: {found.codes}", resumable=False)
    poll_at = context.clock.now() + timedelta(seconds=found.wait)
    job = job.but(polls=job.polls + 1, poll_at=poll_at, progress=found.progress or job.progress)
    # partial answers may have no Expires: the last one that had counts
    if found.expires_at:
        job = job.but(expires_at=found.expires_at)
    if found.manifest is None:
        context.journal(export).record(
            "status_progress",
            job.status_url,
            progress=percent(found.progress),
            retryAfter=round(found.wait),
        )
        return _succeeded(export, job)
    return _page(context, _succeeded(export, job), answer, found, url)


def _page(
    context: ExportContext, export: ExportRun, answer: Answer, found: Interpretation, url: str
) -> ExportRun:
    """Keep a manifest page; an answer at the same URL is the same page, perhaps grown.

    Pages are a chain: each may have a `link` to the next (STU3). While the export runs the last one
    may grow or get its link later, so its URL is asked until the answer is final.
    """
    job, folder = export.job, context.store.job_folder(export)
    held, page = read_pages(folder, job.pages), Page(url, answer.json())
    # Servers that do not follow the guide move or recount entries. The files that are fetched
    # already would then be landed under another page's promises, so the export fails instead.
    again = bool(held) and held[-1].url == url
    if again and not is_continuation(held[-1], page):
        raise PermanentError(without_query(url), "changed a manifest page", "one that only grows")
    if not again and (url in {p.url for p in held} or len(held) >= MAX_PAGES):
        raise PermanentError(
            without_query(url), "is one manifest page too many", "a chain without a loop"
        )
    pages = [*(held[:-1] if again else held), page]
    keep_page(folder, len(pages), page, answer)
    following = _next_url(page)
    moved = job.but(
        pages=len(pages),
        files=sum(len(p.manifest.files) for p in pages),
        tail_url=following or url,
        # with a next link there is more, whatever the status said
        is_complete=found.is_final and following is None,
        poll_at=context.clock.now() if following else job.poll_at,
    )
    record_page(context.journal(export), moved, pages, is_new=not again or moved.is_complete)
    return export.with_job(moved)


def _refresh(context: ExportContext, export: ExportRun) -> ExportRun:
    """Ask for all pages again because files had expired: the server may give them new URLs.

    The whole manifest and not only one page: pages of one job expire together.
    """
    job, folder = export.job, context.store.job_folder(export)
    number = job.refreshes + 1
    url = job.status_url or ""  # the first page is that of the status URL, the others are linked
    for position, held in enumerate(read_pages(folder, job.pages), start=1):
        answer = context.ask("GET", url, STATUS_HEADERS)
        found = interpret_status(answer, context.patience(export))
        if found.meaning in (Meaning.later, Meaning.running):
            return _later(context, export, found.wait, "status rejected for now", found.codes)
        if found.meaning is Meaning.unauthorized:
            raise _unauthorized(url)
        if found.meaning is not Meaning.manifest:
            return _failed(export, f"files have expired: {found.codes}", resumable=False)
        page = Page(url, answer.json())
        if not is_continuation(held, page):
            raise PermanentError(
                without_query(url), "changed a manifest page", "one that only grows"
            )
        keep_page(folder, position, page, answer, refresh=number)
        url = _next_url(page) or url
    return _succeeded(export, job.but(refreshes=number, fresh_pages=job.pages, is_stale=False))


def _release(context: ExportContext, export: ExportRun) -> ExportRun:
    """Release a job at the server (DELETE, STU2) and go on to the next one.

    Only after the delivery is complete, as the server then removes the files. Without it Epic
    accepts no next export for hours.
    """
    job, tried = export.job, export.attempts >= context.bulk.retries
    try:
        answer = context.ask("DELETE", job.status_url or "", STATUS_HEADERS)
        found = interpret_status(answer, context.patience(export))
        if found.meaning is Meaning.later and not tried:
            return _later(context, export, found.wait, "DELETE rejected for now", found.codes)
    except RetryableError:
        if not tried:
            raise
    # 404: it has forgotten the job; 405, 501: it has no DELETE and forgets jobs by itself
    released = _succeeded(export, job.but(is_released=True))
    return released if released.is_last else released.but(current=released.current + 1)


def _has_given_up(context: ExportContext, export: ExportRun, found: Interpretation) -> bool:
    """Return whether an error without an issue code came too often to be waited for."""
    return found.is_doubtful and export.attempts >= context.bulk.retries


def _succeeded(export: ExportRun, job: Job) -> ExportRun:
    return export.with_job(job, attempts=0, failure=None)


def _unreachable(
    context: ExportContext, export: ExportRun, action: Action, error: RetryableError
) -> ExportRun:
    """Try again later; a kick-off only `retries` times, as each may have started an export."""
    if action is Action.kick_off and export.attempts >= context.bulk.retries:
        return _failed(export, f"{error.where}: {error.what}", resumable=False)
    exponent = min(export.attempts, 30)  # beyond, the number only gets harder to compute
    pause = min(2.0 * 2**exponent, context.bulk.max_back_off_seconds)
    return _later(context, export, pause, error.what)


def _later(
    context: ExportContext, export: ExportRun, seconds: float, why: str, codes: str = ""
) -> ExportRun:
    due = context.clock.now() + timedelta(seconds=max(1.0, seconds))
    failure = f"{why}: {codes}" if codes else why
    return export.but(next_at=due, attempts=export.attempts + 1, failure=failure)


def _failed(export: ExportRun, why: str, *, resumable: bool) -> ExportRun:
    return export.but(state="failed", failure=why, is_resumable=resumable)


def _unauthorized(url: str) -> UsageError:
    # the job lives on at the server: once the rights are corrected, the export goes on
    return UsageError(
        without_query(url),
        "answers 401 to a new token",
        "a client with rights",
        "check client_id and scopes, then run the export again",
    )


def _keep_error(context: ExportContext, export: ExportRun, answer: Answer) -> None:
    """Keep the body of the last error as evidence for the server's operator; it is not logged."""
    text = answer.body.decode("utf-8", "backslashreplace")
    write_text(context.store.job_folder(export) / "refusal.txt", text)


def _next_url(page: Page) -> str | None:
    following = page.manifest.next_url
    return urljoin(page.url, following) if following else None


_AT_THE_SERVER = (Action.intend, Action.kick_off, Action.poll, Action.download, Action.refresh)

_ACTIONS: Mapping[Action, Step] = {
    Action.intend: _intend,
    Action.kick_off: _kick_off,
    Action.poll: _poll,
    Action.download: download,
    Action.refresh: _refresh,
    Action.compare_members: compare_members,
    Action.land: land,
    Action.release: _release,
    Action.finish: finish,
}

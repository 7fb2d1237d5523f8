"""One step of an export: do the one thing that comes next, keep the result, say when to come back.

Nothing here waits. Each action takes an export and gives the next one; a kill before it was kept
repeats the action, and each action may be repeated. Fetching files is in `fetching`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urljoin

from lakeward.core.errors import PermanentError, RetryableError, UsageError
from lakeward.fhir.bulk.context import Context
from lakeward.fhir.bulk.fetching import download
from lakeward.fhir.bulk.finishing import compare_members, finish, land, patients_of
from lakeward.fhir.bulk.journal import tell_page
from lakeward.fhir.bulk.kickoff import kick_off
from lakeward.fhir.bulk.pages import Page, is_continuation, keep_page, read_pages
from lakeward.fhir.bulk.polling import Meaning, Verdict, judge_kick_off, judge_status, percent
from lakeward.fhir.bulk.state import Action, Export, Job, next_action
from lakeward.fhir.bulk.store import write_text
from lakeward.fhir.bulk.transport import Answer, place

STATUS_HEADERS = {"Accept": "application/json", "Cache-Control": "no-cache"}
MAX_PAGES = 10_000
RETRY_AFTER_FAILURE = timedelta(hours=1)
"""When automation tries again; a person may at once."""

Step = Callable[[Context, Export], Export]


def step(context: Context, export: Export) -> Export:
    """Do what comes next, if its time has come, and keep the result.

    Raises:
        UsageError: Settings, keys or rights are wrong; the export stays as it was.
    """
    now = context.clock.now()
    action = next_action(export, now)
    if action is None:
        return export
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


def _intend(context: Context, export: Export) -> Export:
    """Keep that a kick-off is about to be sent.

    Between sending it and keeping its answer lies the one window that cannot be closed: a kill
    there loses the status URL. The kick-off is then sent again; a server that runs one export at a
    time answers 429 until it has forgotten the lost one, and that is waited for.
    """
    return _well(export, export.job.but(intended_at=context.clock.now()))


def _kick_off(context: Context, export: Export) -> Export:
    job, log = export.job, context.journal(export)
    request = kick_off(context.bulk, job, patients_of(context, export))
    sent_at = context.clock.now()
    answer = context.ask(request.method, request.url, dict(request.headers), request.content)
    verdict = judge_kick_off(answer, context.patience(export))
    log.tell(
        "kickoff",
        answer.headers.get("content-location"),
        exportUrl=place(request.url),
        errorCode=None if verdict.meaning is Meaning.accepted else answer.status,
        requestParameters=dict(request.parameters),
    )
    if verdict.meaning is Meaning.later and not _given_up(context, export, verdict):
        return _later(context, export, verdict.wait, "kick-off refused for now", verdict.codes)
    if verdict.meaning is Meaning.refused:
        raise _unauthorized(request.url)
    if verdict.meaning is not Meaning.accepted:
        return _failed(export, f"kick-off refused: {verdict.codes}", resumable=False)
    url = urljoin(request.url, answer.headers["content-location"])
    wait = timedelta(seconds=context.patience(export).wait(answer, running=True))
    started = job.but(
        request_url=request.url,
        status_url=url,
        tail_url=url,
        kicked_off_at=answer.clock(sent_at),
        poll_at=context.clock.now() + (wait if "retry-after" in answer.headers else timedelta(0)),
    )
    return _well(export, started)


def _poll(context: Context, export: Export) -> Export:
    job = export.job
    url = job.tail_url or job.status_url or ""
    answer = context.ask("GET", url, STATUS_HEADERS)
    verdict = judge_status(answer, context.patience(export))
    if verdict.meaning is Meaning.later and not _given_up(context, export, verdict):
        return _later(context, export, verdict.wait, "status refused for now", verdict.codes)
    if verdict.meaning is Meaning.refused:
        raise _unauthorized(url)
    if verdict.meaning in (Meaning.later, Meaning.failed, Meaning.gone):
        _keep_refusal(context, export, answer)
        return _failed(export, f"export failed at the server: {verdict.codes}", resumable=False)
    poll_at = context.clock.now() + timedelta(seconds=verdict.wait)
    job = job.but(polls=job.polls + 1, poll_at=poll_at, progress=verdict.progress or job.progress)
    if verdict.expires_at:
        job = job.but(expires_at=verdict.expires_at)
    if verdict.manifest is None:
        context.journal(export).tell(
            "status_progress",
            job.status_url,
            progress=percent(verdict.progress),
            retryAfter=round(verdict.wait),
        )
        return _well(export, job)
    return _page(context, _well(export, job), answer, verdict, url)


def _page(context: Context, export: Export, answer: Answer, verdict: Verdict, url: str) -> Export:
    """Keep a manifest page; the same URL again is the same page, grown."""
    job, folder = export.job, context.store.job_folder(export)
    held, page = read_pages(folder, job.pages), Page(url, answer.json())
    again = bool(held) and held[-1].url == url
    if again and not is_continuation(held[-1], page):
        raise PermanentError(place(url), "changed a manifest page", "one that only grows")
    if not again and (url in {p.url for p in held} or len(held) >= MAX_PAGES):
        raise PermanentError(place(url), "is one manifest page too many", "pages in one line")
    pages = [*(held[:-1] if again else held), page]
    keep_page(folder, len(pages), page, answer)
    following = _next_url(page)
    moved = job.but(
        pages=len(pages),
        files=sum(len(p.manifest.files) for p in pages),
        tail_url=following or url,
        is_complete=verdict.is_final and following is None,
        poll_at=context.clock.now() if following else job.poll_at,
    )
    tell_page(context.journal(export), moved, pages, is_new=not again or moved.is_complete)
    return export.with_job(moved)


def _refresh(context: Context, export: Export) -> Export:
    """Ask for all pages again: files had expired, and servers may give them new URLs."""
    job, folder = export.job, context.store.job_folder(export)
    number = job.refreshes + 1
    url = job.status_url or ""
    for position, held in enumerate(read_pages(folder, job.pages), start=1):
        answer = context.ask("GET", url, STATUS_HEADERS)
        verdict = judge_status(answer, context.patience(export))
        if verdict.meaning in (Meaning.later, Meaning.running):
            return _later(context, export, verdict.wait, "status refused for now", verdict.codes)
        if verdict.meaning is Meaning.refused:
            raise _unauthorized(url)
        if verdict.meaning is not Meaning.manifest:
            return _failed(export, f"files have expired: {verdict.codes}", resumable=False)
        page = Page(url, answer.json())
        if not is_continuation(held, page):
            raise PermanentError(place(url), "changed a manifest page", "one that only grows")
        keep_page(folder, position, page, answer, refresh=number)
        url = _next_url(page) or url
    return _well(export, job.but(refreshes=number, fresh_pages=job.pages, is_stale=False))


def _release(context: Context, export: Export) -> Export:
    """Tell the server that it may forget the job; go on to the next one.

    Only after all files are durable. That it knows the job no more is as good.
    """
    job, tried = export.job, export.attempts >= context.bulk.retries
    try:
        answer = context.ask("DELETE", job.status_url or "", STATUS_HEADERS)
        verdict = judge_status(answer, context.patience(export))
        if verdict.meaning is Meaning.later and not tried:
            return _later(context, export, verdict.wait, "DELETE refused for now", verdict.codes)
    except RetryableError:
        if not tried:
            raise
    # a server that takes no DELETE forgets by itself: nothing is lost
    released = _well(export, job.but(is_released=True))
    return released if released.is_last else released.but(current=released.current + 1)


def _given_up(context: Context, export: Export, verdict: Verdict) -> bool:
    """Say whether an error of unknown nature came too often."""
    return verdict.is_doubtful and export.attempts >= context.bulk.retries


def _well(export: Export, job: Job) -> Export:
    return export.with_job(job, attempts=0, failure=None)


def _unreachable(context: Context, export: Export, action: Action, error: RetryableError) -> Export:
    """Try again later; a kick-off only so often, since each may have started an export unheard."""
    if action is Action.kick_off and export.attempts >= context.bulk.retries:
        return _failed(export, f"{error.where}: {error.what}", resumable=False)
    pause = min(2.0 * 2 ** min(export.attempts, 30), context.bulk.max_back_off_seconds)
    return _later(context, export, pause, error.what)


def _later(context: Context, export: Export, seconds: float, why: str, codes: str = "") -> Export:
    due = context.clock.now() + timedelta(seconds=max(1.0, seconds))
    told = f"{why}: {codes}" if codes else why
    return export.but(next_at=due, attempts=export.attempts + 1, failure=told)


def _failed(export: Export, why: str, *, resumable: bool) -> Export:
    return export.but(state="failed", failure=why, is_resumable=resumable)


def _unauthorized(url: str) -> UsageError:
    # the job lives on at the server: rights are to be mended, then the export goes on
    return UsageError(
        place(url),
        "answers 401 to a new token",
        "a client with rights",
        "check client_id and scopes, then run the export again",
    )


def _keep_refusal(context: Context, export: Export, answer: Answer) -> None:
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

"""Rendering: the template environment, and one function that makes a page of a template."""

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api import (
    admin_words,
    alert_words,
    insight_words,
    measure_words,
    people_words,
    query_words,
    reply_words,
    source_words,
    words,
)
from api.access import Action, may
from api.assets import load_assets
from api.highlight import excerpt, in_field, segments
from api.security import VISIT_COOKIE, binding, form_token, new_binding, own_page, set_cookie, sign, unsign
from api.state import state_of
from overheard.days import day_of
from overheard.modelling.figures import figures
from overheard.models import User
from overheard.replying.conversations import RuleFlag
from overheard.vocabulary import (
    AnswerKind,
    AuditAction,
    ContactKind,
    DisqualifyReason,
    Intent,
    LeadAction,
    Platform,
    Role,
    Scope,
    Stage,
    Topic,
)

_TEMPLATES = Path(__file__).parent / "templates"
_FLASH_COOKIE = "overheard_flash"
_FLASH_SECONDS = 60
_VISIT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Flash:
    """A line shown once, on the next page: what was done, and the lead on which it can be undone."""

    text: str
    lead_id: int | None = None
    undo: str | None = None
    """Where it is undone; default: the lead's own last step."""
    assignee: str | None = None
    """Whose the lead is now, where that is what was done."""
    is_bad: bool = False
    """It did not work."""
    next: str | None = None
    """Where to go on from there, where something comes next."""
    refused: list[int] = field(default_factory=list)
    """Of several leads, those that are left as they were."""

    @property
    def undo_address(self) -> str | None:
        """Where a form that takes it back goes."""
        return self.undo or (f"/leads/{self.lead_id}/undo" if self.lead_id else None)


@cache
def make_templates() -> jinja2.Environment:
    """The environment in which all pages are rendered; everything is escaped, and a missing name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        static=load_assets().url,
        Stage=Stage,
        Intent=Intent,
        Platform=Platform,
        Topic=Topic,
        ContactKind=ContactKind,
        DisqualifyReason=DisqualifyReason,
        LeadAction=LeadAction,
        AuditAction=AuditAction,
        Role=Role,
        Scope=Scope,
        people_words=people_words,
        query_words=query_words,
        alert_words=alert_words,
        AnswerKind=AnswerKind,
        RuleFlag=RuleFlag,
        segments=segments,
        excerpt=excerpt,
        in_field=in_field,
        figures=figures,
        met_words=words.met_words,
        words_of=words.words_of,
        stratum_words=measure_words.stratum_words,
        basis_words=measure_words.basis_words,
        catch_words=measure_words.catch_words,
        closest_words=words.closest_words,
        lead_name=words.lead_name,
        meaning_words=words.meaning_words,
        source_words=source_words,
        admin_words=admin_words,
        terms_of_post=source_words.terms_of_post,
    )
    environment.filters.update(
        age=words.age,
        moment=words.moment,
        timed=words.timed,
        day=words.day,
        percent=words.percent,
        counted=words.counted,
        odds=words.odds,
        posts_a_day=measure_words.posts_a_day,
        plain=words.plain,
        step_name=words.step_name,
        move_title=words.move_title,
        reason_name=words.reason_name,
        signal_name=words.signal_name,
        author=words.author,
        first_words=words.first_words,
        decision=words.decision,
        safe_link=words.safe_link,
        reply_state=reply_words.reply_state,
        reply_advice=reply_words.reply_advice,
        answer_kind=reply_words.answer_kind,
        answer_effect=reply_words.answer_effect,
        minutes=reply_words.minutes,
        totals_line=reply_words.totals_line,
        share_words=insight_words.share_words,
        trend_words=insight_words.trend_words,
        advised=admin_words.advised,
        bar=insight_words.bar,
    )
    return environment


def page(
    request: Request,
    template: str,
    *,
    viewer: User | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **shown: object,
) -> HTMLResponse:
    """A page for a viewer, with a form token for its forms and the flash line that waits for it."""
    state = state_of(request)
    bound_to = binding(request) or new_binding()
    flash = _waiting_flash(request) if viewer else None

    def allowed(action: str) -> bool:
        return viewer is not None and may(viewer, Action(action))

    now = state.clock()
    html = state.templates.get_template(template).render(
        viewer=viewer,
        may=allowed,
        csrf=form_token(state.key, bound_to),
        flash=flash,
        theme=_theme(request),
        path=request.url.path,
        here=own_page(_address(request)),
        unread=getattr(request.state, "unread", 0),
        now=now,
        current_day=day_of(now, state.settings.zone),
        time_zone=state.settings.time_zone,
        **shown,
    )
    if status >= HTTPStatus.BAD_REQUEST:
        request.state.deed = None  # nothing for the audit log
    response = HTMLResponse(html, status)
    if binding(request) is None:
        set_cookie(request, response, VISIT_COOKIE, bound_to, max_age=_VISIT_SECONDS)
    if flash:
        response.delete_cookie(_FLASH_COOKIE)
    return response


def done(request: Request, back: str | None, flash: Flash) -> Response:
    """The end of every act: back to one of our pages, which shows the flash line. A script is told the line itself."""
    if request.headers.get("Accept") == "application/json":
        return JSONResponse(asdict(flash) | {"undo": flash.undo_address})
    response = RedirectResponse(own_page(back), HTTPStatus.SEE_OTHER)
    signed = sign(state_of(request).key, "flash", json.dumps(asdict(flash)))
    set_cookie(request, response, _FLASH_COOKIE, signed, max_age=_FLASH_SECONDS)
    return response


def _waiting_flash(request: Request) -> Flash | None:
    signed = unsign(state_of(request).key, "flash", request.cookies.get(_FLASH_COOKIE, ""))
    return Flash(**json.loads(signed)) if signed else None


def _theme(request: Request) -> str:
    """What the viewer chose; else the browser decides."""
    chosen = request.cookies.get("overheard_theme", "")
    return chosen if chosen in ("light", "dark") else "auto"


def _address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")

"""Labels by the guideline: the editor, and how far labels can be trusted."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from api.access import Action
from api.deps import MAX_ID, Db, Id, Now, ReadDb, on_page
from api.guideline import guideline
from api.pages import Flash, done, page
from overheard.labelling import editor
from overheard.labelling.agreement import agreement
from overheard.labelling.editor import LabelQueue
from overheard.labelling.estimates import quality
from overheard.marketing import campaigns
from overheard.models import User
from overheard.vocabulary import Intent

router = APIRouter(prefix="/labels")

Labeller = Annotated[User, on_page(Action.LABEL_POSTS)]
_MOST_SKIPPED = 10_000
Skip = Annotated[int, Query(ge=0, le=_MOST_SKIPPED)]
Skipped = Annotated[int, Form(ge=0, le=_MOST_SKIPPED)]


@router.get("")
def label(
    *,
    request: Request,
    viewer: Labeller,
    db: ReadDb,
    queue: LabelQueue = LabelQueue.RANDOM,
    skip: Skip = 0,
    last: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """One post of a queue, with the guideline beside it."""
    return page(
        request,
        "labels.html",
        viewer=viewer,
        card=editor.next_post(db, queue, viewer, skip=skip),
        queue=queue,
        queues=list(LabelQueue),
        waiting=editor.waiting(db, viewer),
        skip=skip,
        last=last,
        guideline=guideline(),
    )


@router.post("/posts/{post_id}")
def say(
    *,
    request: Request,
    post_id: Id,
    viewer: Labeller,
    db: Db,
    now: Now,
    intent: Annotated[Intent, Form()],
    queue: Annotated[LabelQueue, Form()],
    unsure: Annotated[bool, Form()] = False,
    skip: Skipped = 0,
) -> Response:
    """What somebody says a post is; the next one comes."""
    editor.say(db, post_id, intent, is_unsure=unsure, queue=queue, actor=viewer, now=now)
    return done(request, _home(queue, skip, last=post_id), Flash(f"Labelled {intent.value}{', unsure' * unsure}."))


@router.post("/posts/{post_id}/withdraw")
def withdraw(
    *,
    request: Request,
    post_id: Id,
    viewer: Labeller,
    db: Db,
    now: Now,
    queue: Annotated[LabelQueue, Form()],
    skip: Skipped = 0,
) -> Response:
    """Take back one's own word."""
    taken = editor.withdraw(db, post_id, actor=viewer, now=now)
    said = (
        "Your label is taken back. The post will be asked about again." if taken else "There was nothing to take back."
    )
    return done(request, _home(queue, skip), Flash(said))


@router.get("/measures")
def measures(request: Request, viewer: Annotated[User, on_page(Action.READ_LABELS)], db: ReadDb, now: Now) -> Response:
    """How far people agree, and what the queues hold, estimated without bias."""
    told = [(one.campaign, quality(db, one.campaign, now)) for one in campaigns.views(db)]
    return page(request, "label_measures.html", viewer=viewer, agreement=agreement(db), campaigns=told)


def _home(queue: LabelQueue, skip: int, *, last: int | None = None) -> str:
    params = {"queue": queue.value} | ({"skip": skip} if skip else {}) | ({"last": last} if last else {})
    return f"/labels?{urlencode(params)}"

"""Indexes by which leads and what came in are counted without looking at the rows themselves."""

from sqlalchemy import Index

from overheard.models.leads import LeadEvent, Signal
from overheard.models.posts import Post

COUNTED_BY = (
    # When a post came in: a span of time is a range of ids. And where from, without its text beside it.
    Index("ix_posts_collected_at_id", Post.collected_at, Post.id),
    Index("ix_posts_id_source_id", Post.id, Post.source_id),
    Index("ix_signals_post_id_lead_id", Signal.post_id, Signal.lead_id),
    # How far leads came, without the notes beside it.
    Index("ix_lead_events_steps", LeadEvent.action, LeadEvent.lead_id, LeadEvent.from_stage, LeadEvent.to_stage),
)

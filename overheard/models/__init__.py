"""The tables. A row is data; what may happen to it stands in the module named after the thing."""

from overheard.models.base import Base
from overheard.models.campaigns import Campaign, Embedding, Match, PostRelevance, Query, campaign_sources
from overheard.models.leads import Label, Lead, LeadEvent, Prediction, Signal
from overheard.models.people import ApiToken, Login, LoginFailure, LoginLink, User
from overheard.models.posts import Post, Tombstone
from overheard.models.sources import Credential, DeadLetter, Delivery, FileImport, Gap, Revisit, Source, Usage

__all__ = [
    "ApiToken",
    "Base",
    "Campaign",
    "Credential",
    "DeadLetter",
    "Delivery",
    "Embedding",
    "FileImport",
    "Gap",
    "Label",
    "Lead",
    "LeadEvent",
    "Login",
    "LoginFailure",
    "LoginLink",
    "Match",
    "Post",
    "PostRelevance",
    "Prediction",
    "Query",
    "Revisit",
    "Signal",
    "Source",
    "Tombstone",
    "Usage",
    "User",
    "campaign_sources",
]

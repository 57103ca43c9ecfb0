"""The tables. A row is data; what may happen to it stands in the module named after the thing."""

from overheard.models.alerts import (
    AlertedLead,
    AlertRecipient,
    AlertRule,
    LeadNews,
    OutboundDelivery,
    QueueFeed,
    Receiver,
    Webhook,
)
from overheard.models.api import StoredAnswer
from overheard.models.base import Base
from overheard.models.campaign_desk import Exclusion, campaign_members
from overheard.models.campaigns import Campaign, Embedding, Match, PostRelevance, Query, campaign_sources
from overheard.models.crm import CrmConnection, CrmEntry, CrmLink
from overheard.models.datasets import CachedVector, Dataset, DatasetExample, Retraining
from overheard.models.former_answers import FormerAnswer
from overheard.models.labelling import IntentLabel, LabelDoubt
from overheard.models.leads import (
    Contact,
    Label,
    Lead,
    LeadEvent,
    LeadTag,
    Prediction,
    QualifyingAnswer,
    QualifyingQuestion,
    SavedView,
    Signal,
)
from overheard.models.people import (
    ApiToken,
    AuditEntry,
    Digest,
    DigestSetting,
    Login,
    LoginFailure,
    LoginLink,
    Notice,
    User,
)
from overheard.models.posts import Post, TakenPost, Tombstone, UnjudgedPost
from overheard.models.privacy import Backup, Erasure
from overheard.models.query_variables import QueryVariable
from overheard.models.registry import CampaignScore, ModelVersion, ShadowPrediction
from overheard.models.replies import (
    Answer,
    CommunityRules,
    ConnectedAccount,
    DoNotContact,
    Reply,
    ReplyStop,
    Snippet,
)
from overheard.models.samples import HeldPost, Sample, StratumDay
from overheard.models.sources import Credential, DeadLetter, Delivery, FileImport, Gap, Revisit, Source, Usage
from overheard.models.yields import COUNTED_BY

__all__ = [
    "COUNTED_BY",
    "AlertRecipient",
    "AlertRule",
    "AlertedLead",
    "Answer",
    "ApiToken",
    "AuditEntry",
    "Backup",
    "Base",
    "CachedVector",
    "Campaign",
    "CampaignScore",
    "CommunityRules",
    "ConnectedAccount",
    "Contact",
    "Credential",
    "CrmConnection",
    "CrmEntry",
    "CrmLink",
    "Dataset",
    "DatasetExample",
    "DeadLetter",
    "Delivery",
    "Digest",
    "DigestSetting",
    "DoNotContact",
    "Embedding",
    "Erasure",
    "Exclusion",
    "FileImport",
    "FormerAnswer",
    "Gap",
    "HeldPost",
    "IntentLabel",
    "Label",
    "LabelDoubt",
    "Lead",
    "LeadEvent",
    "LeadNews",
    "LeadTag",
    "Login",
    "LoginFailure",
    "LoginLink",
    "Match",
    "ModelVersion",
    "Notice",
    "OutboundDelivery",
    "Post",
    "PostRelevance",
    "Prediction",
    "QualifyingAnswer",
    "QualifyingQuestion",
    "Query",
    "QueryVariable",
    "QueueFeed",
    "Receiver",
    "Reply",
    "ReplyStop",
    "Retraining",
    "Revisit",
    "Sample",
    "SavedView",
    "ShadowPrediction",
    "Signal",
    "Snippet",
    "Source",
    "StoredAnswer",
    "StratumDay",
    "TakenPost",
    "Tombstone",
    "UnjudgedPost",
    "Usage",
    "User",
    "Webhook",
    "campaign_members",
    "campaign_sources",
]

"""Sending what SDRs approved, by their own accounts, and hearing what comes back. One module for each platform."""

import importlib

from collectors.replying.base import Sender
from overheard.errors import NotFound
from overheard.vocabulary import Platform

# The class that sends, which is imported when it is used.
_SENDERS = {
    Platform.REDDIT: "collectors.replying.reddit:RedditSender",
    Platform.SLACK: "collectors.replying.slack:SlackSender",
    Platform.MASTODON: "collectors.replying.mastodon:MastodonSender",
    Platform.BLUESKY: "collectors.replying.bluesky:BlueskySender",
    Platform.GITHUB: "collectors.replying.github:GitHubSender",
    Platform.DISCOURSE: "collectors.replying.discourse:DiscourseSender",
}


def sender_class(platform: Platform) -> type[Sender]:
    """What sends to a platform; `NotFound` where nothing does."""
    if platform not in _SENDERS:
        raise NotFound(f"Nothing is sent to {platform.display} from here: post the reply there yourself.")
    module, _, name = _SENDERS[platform].partition(":")
    try:
        found: type[Sender] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise NotFound(f"Sending to {platform.display} needs a package that is not installed: {error.name}.") from error
    return found

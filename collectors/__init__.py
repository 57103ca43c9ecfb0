"""Collectors bring posts in: from platforms, live (`collectors.run`), and from files (`collectors.importing`)."""

from overheard.vocabulary import Platform

# Platform → what it is called, and the class that reads it, which is imported when it is used.
COLLECTORS = {
    Platform.HACKERNEWS: ("Hacker News", "collectors.hackernews:HackerNews"),
}

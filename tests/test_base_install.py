"""What `make demo` installs is enough to serve, listen and send: clients of single platforms are extras."""

import subprocess
import sys

_SCRIPT = """
import sys
for name in ("praw", "prawcore", "slack_sdk", "mastodon", "authlib", "joserfc", "hubspot", "simple_salesforce", "mcp"):
    sys.modules[name] = None  # cannot be imported, as where it is not installed
from unittest import TestCase
import api.app, api.server, collectors.reachability, collectors.run, collectors.watch, collectors.web
import collectors.replying.listening, collectors.replying.outbox
import cli.main
from collectors.conversations import PlatformConversations
from collectors import conversations
from overheard.errors import CollectorError
from overheard.vocabulary import Platform
for platform in (Platform.REDDIT, Platform.SLACK, Platform.MASTODON):
    with TestCase().assertRaisesRegex(CollectorError, "the package .* is not installed"):
        PlatformConversations(None, None, None).read(platform, "x", None, None)
from collectors.crm import open_crm
from overheard.notifications.outbound_vocabulary import CrmPlatform
for platform in (CrmPlatform.HUBSPOT, CrmPlatform.SALESFORCE):
    with TestCase().assertRaisesRegex(CollectorError, "the package .* is not installed"):
        open_crm(platform, "", {}, timeout=1)
print("served")
"""


def test_pages_and_workers_start_without_the_clients_of_single_platforms() -> None:
    command = [sys.executable, "-W", "ignore", "-c", _SCRIPT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.stdout.strip(), run.stderr) == ("served", "")

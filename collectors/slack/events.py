"""Slack's Events API over HTTP: what is signed is kept, and answered when it is on disk and not before."""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from collectors.rows import Row
from collectors.slack.messages import told_of
from overheard.listening.hooks import HookAnswer

logger = logging.getLogger(__name__)

_SKEW = 300  # seconds that a signature holds, as Slack recommends

Deliver = Callable[[int, str, str, bytes], None]
"""Keeps an event of a credential: its delivery id, the channel, the bytes. When it returns, it is on disk."""


def receive(
    signing_secrets: Mapping[int, str], headers: Mapping[str, str], body: bytes, *, deliver: Deliver, now: datetime
) -> HookAnswer:
    """The answer to what somebody posted. `signing_secrets`: those of all credentials, by the credential's id.

    A retry is taken like any other delivery: after an outage it is the only one.
    """
    signers = [id_ for id_, secret in signing_secrets.items() if secret and is_signed(secret, headers, body, now=now)]
    if not signers:
        return HookAnswer(401, b"The signature is missing, too old, or not ours.")
    payload = _parsed(body)
    if payload is None:
        return HookAnswer(400, b"The body is no JSON object.")
    match payload.get("type"):
        case "url_verification":
            return HookAnswer(body=str(payload.get("challenge", "")).encode(errors="replace"))
        case "app_rate_limited":
            logger.warning("Slack holds events back: there are too many", extra={"action": "slack_events_limited"})
    told = told_of(payload)
    if told is not None:
        for credential_id in signers:
            deliver(credential_id, *told, body)
    return HookAnswer()


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Whether Slack has signed this within the last minutes.

    Over the bytes, as they came: the vendor's verifier decodes them first, and raises on what cannot be decoded.
    """
    stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= len("9999999999")):
        return False
    if abs(now.timestamp() - int(stamp)) > _SKEW:
        return False
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={digest}".encode(), signature.encode(errors="replace"))


def _parsed(body: bytes) -> Row | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None

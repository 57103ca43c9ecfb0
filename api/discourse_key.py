"""A user API key of a Discourse forum: the forum asks its user, and hands the key out encrypted for us alone.

The user brings it here by hand. A forum sends a browser back only to addresses that its administrator has listed.
"""

import base64
import json
import secrets
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from api.oauth import Account, Begun, Web, discourse, site
from overheard.errors import InvalidInput
from overheard.vocabulary import Platform

_BITS = 2048  # what Discourse's own apps use; the payload fits into it


def begin(forum: str) -> tuple[str, Begun]:
    """Where the user says yes, and what to keep until they come with what the forum showed them."""
    url, key = site(forum), rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    nonce = secrets.token_urlsafe(16)
    begun = Begun(Platform.DISCOURSE, nonce, base64.b64encode(private).decode(), secrets.token_hex(16), "", url)
    asked = {
        "application_name": "Overheard",
        "client_id": begun.client_id,
        "scopes": "read,write",
        "nonce": nonce,
        "public_key": public.decode(),
    }
    return f"{url}/user-api-key/new?{urlencode(asked)}", begun


def finish(web: Web, begun: Begun, payload: str) -> Account:
    """The account of what the forum showed. `InvalidInput` when that is not for us, or not of this dialogue."""
    if begun.platform is not Platform.DISCOURSE:
        raise InvalidInput("This did not begin in this browser. Connect the account again from its page.")
    told = _opened(begun, payload)
    if told.get("nonce") != begun.state or not isinstance(told.get("key"), str):
        raise InvalidInput(
            "This is not what the forum has just shown for this browser, or not the whole of it. Nothing was kept."
        )
    return discourse(web, begun.instance, "", str(told["key"]))


def _opened(begun: Begun, payload: str) -> dict[str, object]:
    key = serialization.load_der_private_key(base64.b64decode(begun.verifier), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        return {}
    try:
        sealed = base64.b64decode("".join(payload.split()), validate=True)
        told = json.loads(key.decrypt(sealed, padding.PKCS1v15()))
    except ValueError:  # no Base64, not encrypted for this key, no JSON
        return {}
    return told if isinstance(told, dict) else {}

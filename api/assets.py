"""Static files, served from memory under an address that holds their hash, so that a browser may keep them for ever."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str
    digest: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by name."""

    by_name: dict[str, Asset]

    def url(self, name: str) -> str:
        """The address of a file; another content has another address."""
        return f"/static/{self.by_name[name].digest}/{name}"

    def find(self, digest: str, name: str) -> Asset | None:
        """The file at an address."""
        asset = self.by_name.get(name)
        return asset if asset and asset.digest == digest else None


@cache
def load_assets() -> Assets:
    """Read all files once; they are small. Those of others, in `vendor/`, are called by their name alone too."""
    return Assets({path.name: _load(path) for path in sorted(_FOLDER.rglob("*")) if path.suffix in _MEDIA_TYPES})


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, _MEDIA_TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])

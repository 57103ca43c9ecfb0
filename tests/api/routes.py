"""All routes of the application, with the action that each asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.access import Action

# What is answered without a login; everything else is not.
PUBLIC = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/feeds/{token}/queue.xml"),  # whoever has the token may read it
    ("POST", "/hooks/{name}"),  # who posts is told by a signature
    ("GET", "/manifest.webmanifest"),
    ("GET", "/static/{digest}/{name}"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/{token}"),
    ("POST", "/login/{token}"),
    ("GET", "/login/oidc/start"),
    ("GET", "/login/oidc/back"),
    ("GET", "/welcome/{token}"),
    ("POST", "/welcome/{token}"),
    ("POST", "/logout"),
    ("GET", "/v1/openapi.json"),
}

NOBODYS = 2_000_000_000
"""An id that no row has: whoever may do it, does it to nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One method of one path."""

    path: str
    method: str
    actions: tuple[Action, ...]
    """One, unless somebody forgot it or asked for two."""

    @property
    def is_public(self) -> bool:
        """Whether it is answered without a login."""
        return (self.method, self.path) in PUBLIC

    @property
    def is_api(self) -> bool:
        """Whether programs ask for it."""
        return self.path.startswith(("/v1", "/metrics"))

    @property
    def has_form(self) -> bool:
        """Whether a form of our pages is sent there."""
        return self.method == "POST" and not self.path.startswith(("/v1", "/hooks"))

    def filled(self, number: int = NOBODYS) -> str:
        """An address of it."""
        return re.sub(r"\{\w+\}", "x", re.sub(r"\{\w*(?:id|number)\}", str(number), self.path))


def routes_of(app: FastAPI) -> list[Route]:
    """All of them, in the order of their paths."""
    return sorted(
        Route(route.path, method, tuple(_actions(route.dependant) if hasattr(route, "dependant") else ()))
        for route in iter_route_contexts(app.routes)
        if route.path
        for method in route.methods or ()
        if method != "HEAD"
    )


def _actions(dependant: Dependant) -> Iterator[Action]:
    action = getattr(dependant.call, "action", None)
    if action is not None:
        yield action
    for inner in dependant.dependencies:
        yield from _actions(inner)

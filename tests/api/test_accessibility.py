"""Every page in a real browser before axe-core: nothing of WCAG 2.2 AA that a program can see is broken."""

from typing import TYPE_CHECKING

import pytest

from overheard.leads import funnel
from tests.api.browsing import Site, found_by_axe, in_a_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = in_a_browser

PATHS = (
    "/queue",
    "/leads/1",
    "/leads/2",
    "/board",
    "/replies",
    "/snippets",
    "/campaigns",
    "/campaigns/new",
    "/campaigns/1",
    "/campaigns/1/import",
    "/insights",
    "/sources",
    "/posts/new",
    "/alerts",
    "/alerts/deliveries",
    "/crm",
    "/labels",
    "/labels?queue=random",
    "/models",
    "/people",
    "/audit",
    "/privacy?lead=1",
    "/admin",
    "/me",
    "/accounts",
    "/notices",
)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_on_any_page(site: Site, browser: "Browser", scheme: str, width: int) -> None:
    with site.sessions.begin() as session:
        funnel.promote(session, site.lead("Second bakery").id, actor=site.cast.sam, now=site.now)
    # The policy of the pages would refuse the script that looks at them.
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(site.login_link(site.cast.alice))
    found = []
    for path in PATHS:
        answer = page.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        found += [(path, *broken) for broken in found_by_axe(page)]
    context.close()
    assert not found, "\n".join(map(str, found))

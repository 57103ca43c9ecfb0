"""The page of one's own accounts in a real browser, at three widths, in light and dark."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from api.app import create_app
from overheard.db import make_engine, make_sessions
from overheard.replying import connected_accounts
from overheard.settings import AccountSettings, Settings
from overheard.vocabulary import Platform
from tests.api.browsing import Site, complaints_of, in_a_browser
from tests.api.serving import serving
from tests.factories import make_cast

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = in_a_browser
BECAUSE = "Reddit asks this account to wait for 540 seconds. Nothing was sent."


def test_a_paused_account_says_why_and_goes_on_at_a_click(
    context: "BrowserContext", sqlite_template: Path, tmp_path: Path, settings: Settings, now: datetime
) -> None:
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    sessions, secret = make_sessions(engine), SecretStr("app-secret")
    apps = AccountSettings(
        slack_client_id="app", slack_client_secret=secret, reddit_client_id="app", reddit_client_secret=secret
    )
    told = settings.model_copy(update={"accounts": apps})
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        for platform, name in ((Platform.REDDIT, "u/sam_sells"), (Platform.SLACK, "sam at bakery")):
            id_ = connected_accounts.connect(
                session, told, cast.sam, platform=platform, name=name, secrets={"me": name}, now=now
            )
            if platform is Platform.REDDIT:
                connected_accounts.pause(session, id_, because=BECAUSE, now=now)
    app = create_app(told, engine=engine, clock=lambda: now, web=lambda: httpx.Client(timeout=5))
    with serving(app) as (url, _):
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto(Site(url, sessions, cast, now).login_link(cast.sam))
        for width in (1440, 1024, 390):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(f"{url}/accounts")
                wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
                assert not wide, f"{width} is too narrow"
                page.screenshot(path=tmp_path / f"accounts-{width}-{scheme}.png", full_page=True)
        assert BECAUSE in page.inner_text("main")
        page.get_by_role("button", name="Let it go on").click()
        page.wait_for_selector(".flash")
        assert BECAUSE not in page.inner_text("main")
        assert complaints == []
    engine.dispose()

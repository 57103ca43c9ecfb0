"""Addresses as people copy them, and what they lead to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overheard.errors import InvalidInput
from overheard.links import Link, recognise, unwrapped
from overheard.vocabulary import Platform

REDDIT = "https://www.reddit.com"


@pytest.mark.parametrize(
    ("url", "platform", "external_id", "community"),
    [
        (f"{REDDIT}/r/SaaS/comments/1abc9z/which_crm/?utm_source=share", "reddit", "t3_1abc9z", "r/SaaS"),
        ("https://old.reddit.com/r/SaaS/comments/1abc9z", "reddit", "t3_1abc9z", "r/SaaS"),
        (f"{REDDIT}/r/SaaS/comments/1abc9z/which_crm/k0def1/?context=3", "reddit", "t1_k0def1", "r/SaaS"),
        (f"{REDDIT}/r/SaaS/comments/1abc9z/comment/k0def1/", "reddit", "t1_k0def1", "r/SaaS"),
        (f"{REDDIT}/r/caf%C3%A9/comments/1abc9z/", "other", f"{REDDIT}/r/caf%C3%A9/comments/1abc9z/", "reddit.com"),
        ("https://redd.it/1abc9z", "reddit", "t3_1abc9z", "Reddit"),
        (f"{REDDIT}/comments/1abc9z/_/k0def1", "reddit", "t1_k0def1", "Reddit"),
        (f"{REDDIT}/user/rita/comments/1abc/hello/", "reddit", "t3_1abc", "r/u_rita"),
        (f"{REDDIT}/r/SaaS/s/AbCdEf", "reddit", f"{REDDIT}/r/SaaS/s/AbCdEf", "Reddit"),
        ("https://news.ycombinator.com/item?id=42&p=2", "hackernews", "42", "Hacker News"),
        ("https://news.ycombinator.com/item?id=42#43", "hackernews", "43", "Hacker News"),
        ("https://github.com/acme/oven/issues/7#issuecomment-1", "other", "https://github.com/acme/oven/issues/7",
         "github.com/acme/oven"),
        ("https://acme.slack.com/archives/C123/p1700000000123456?thread_ts=1699.1", "slack",
         "acme:C123:1700000000.123456", "acme/C123"),
        ("https://bsky.app/profile/did:plc:abc/post/3kabc", "bluesky", "at://did:plc:abc/app.bsky.feed.post/3kabc",
         "Bluesky"),
        ("https://bsky.app/profile/rita.example/post/3kabc", "bluesky", "at://rita.example/app.bsky.feed.post/3kabc",
         "bsky.app"),
        ("https://mastodon.example/@rita@other.example/111222", "mastodon", "mastodon.example:111222",
         "mastodon.example"),
        ("https://www.forum.example/t/which-crm/123", "discourse", "www.forum.example/t/123/1", "www.forum.example"),
        ("https://forum.example/t/which-crm/123/4?u=rita", "discourse", "forum.example/t/123/4", "forum.example"),
        ("https://stackoverflow.com/questions/11/how-to/12#12", "stackexchange", "stackoverflow:answer:12",
         "stackoverflow"),
        ("https://softwarerecs.stackexchange.com/q/11/5", "stackexchange", "softwarerecs:question:11", "softwarerecs"),
        ("https://twitter.com/rita/status/1234567?s=20", "x", "1234567", "X"),
        ("https://www.linkedin.com/posts/rita_some-title-activity-7012345-abcd", "linkedin", "urn:li:activity:7012345",
         "LinkedIn"),
        ("https://www.linkedin.com/feed/update/urn:li:share:7012345/", "linkedin", "urn:li:share:7012345", "LinkedIn"),
        ("https://m.facebook.com/groups/bakers.united/permalink/12345/", "facebook", "12345", "groups/bakers.united"),
        ("https://www.quora.com/Which-CRM-is-best?share=1", "quora", "Which-CRM-is-best", "Quora"),
        ("https://discord.com/channels/1/2/3", "discord", "3", "1/2"),
        ("https://www.Example.org:8080/Post?id=1&utm_medium=mail&fbclid=x#top", "other",
         "https://www.example.org:8080/Post?id=1", "example.org"),
    ],
)  # fmt: skip
def test_an_address_says_which_post_it_leads_to(url: str, platform: str, external_id: str, community: str) -> None:
    link = recognise(url)
    assert (link.platform, link.external_id, link.community) == (Platform(platform), external_id, community)
    assert recognise(link.permalink) == link  # what is kept leads to the same post


@pytest.mark.parametrize(
    "wrapped",
    [
        "https://www.google.com/url?rct=j&sa=t&url=https%3A%2F%2Fexample.org%2Fpost%3Fid%3D1&ct=ga",
        "https://f5bot.com/url?u=https%3A%2F%2Fexample.org%2Fpost%3Fid%3D1&i=17",
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fpost%3Fid%3D1%26fbclid%3Dabc",
        "https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Fgoogle.de%2Furl%3Fq%3Dhttps%253A%252F%252Fexample.org%252Fpost%253Fid%253D1",
    ],
)
def test_redirects_are_taken_off(wrapped: str) -> None:
    assert recognise(wrapped) == Link(
        Platform.OTHER, "https://example.org/post?id=1", "example.org", "https://example.org/post?id=1"
    )


def test_a_redirect_that_leads_into_itself_comes_to_an_end() -> None:
    url = "https://f5bot.com/url?u=https://f5bot.com/url?u=https://f5bot.com/url?u=https://f5bot.com/url?u=x"
    assert unwrapped(url).startswith("https://f5bot.com/")


def test_an_address_that_is_too_long_for_a_key_is_known_by_its_hash() -> None:
    link = recognise(f"https://example.org/{'a' * 600}")
    assert link.external_id.startswith("sha256:")
    assert len(link.external_id) < 100


@pytest.mark.parametrize("url", ["", "r/SaaS", "javascript:alert(1)", "https://", "http://[", "https://a b", "//x.y"])
def test_what_is_no_web_address_is_refused_with_a_word_on_what_is(url: str) -> None:
    with pytest.raises(InvalidInput, match="must begin with https://"):
        recognise(url)


@given(
    st.text() | st.text().map(lambda text: f"https://reddit.com/{text}") | st.text().map(lambda text: f"http://{text}")
)
def test_no_text_breaks_it(text: str) -> None:
    try:
        link = recognise(text)
    except InvalidInput:
        return
    assert link.external_id
    assert link.community

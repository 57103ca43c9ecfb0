import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.markup import plain


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("One<p>Two", "One\n\nTwo"),
        ("It&#x27;s &lt;b&gt; &amp;amp; &quot;x&quot;", 'It\'s <b> &amp; "x"'),
        ("<i>rye</i> only", "rye only"),
        ("So<p><pre><code>if a &lt; b:\n    bake()\n</code></pre>now", "So\n\n```\nif a < b:\n    bake()\n```\n\nnow"),
        ("<pre>one\n\n\n\n  four</pre>", "```\none\n\n\n\n  four\n```"),
        ("a < b & c <3", "a < b & c <3"),
        ("<unclosed", "<unclosed"),
        ("before<!-- a remark > -->after", "beforeafter"),
        ("before<!-- a remark without an end", "before"),
        ("<![CDATA[x]]>after<?php x ?>", "after"),
        ("<SCRIPT>if (a<b) alert('</p>')</script >after<style>p {}</style>", "after"),
        ("one<script>for ever", "one"),
        ("<p>One\nline\n</p>\n\n<p>Two<br>\nthree</p>", "One line\n\nTwo\nthree"),
        ("<h2>Ovens</h2><ul>\n<li>rye</li>\n<li><b>any</b> other</li></ul>done", "Ovens\n\n- rye\n- any other\n\ndone"),
        ("<table><tr><td>rye</td><td>7</td></tr><tr><td>spelt</td><td>8</td></tr></table>", "rye 7\nspelt 8"),
        ("", ""),
    ],
)  # fmt: skip
def test_markup_becomes_text_and_is_decoded_once(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            '<a href="https:&#x2F;&#x2F;example.org&#x2F;a-long-way" rel="nofollow">https:&#x2F;&#x2F;exa...</a>!',
            "https://example.org/a-long-way!",
        ),
        ('<a href="https://example.org">our shop</a>', "our shop (https://example.org)"),
        ('<p><a href="https://example.org"><p>our shop</p></a>', "our shop (https://example.org)"),
        (
            '<a href="https://example.org/x"><span class="invisible">https://</span><span>example.org/x</span></a>',
            "https://example.org/x",
        ),
        ('<a class="mention" href="/u/rita">@rita</a>, hi', "@rita, hi"),
        ('<a class="mention hashtag" href="https://example.org/tags/rye">#<span>rye</span></a>', "#rye"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ("</a><a>nowhere</a>", "nowhere"),
    ],
)
def test_a_link_shows_where_it_leads_unless_it_is_a_name(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<blockquote><p>Which CRM?<blockquote>deeper</blockquote></p></blockquote><p>Ours.</p>", "[…]\n\nOurs."),
        ('<aside class="quote" data-username="rita"><blockquote>Which?</blockquote></aside>\nOurs.', "[…]\n\nOurs."),
        (
            'See <aside class="onebox" data-onebox-src="https://example.org/x"><h3>Some page</h3></aside> there',
            "See\n\nhttps://example.org/x\n\nthere",
        ),
        ("mine</blockquote></aside> too", "mine too"),
    ],
)
def test_quoted_text_is_not_the_authors_and_leaves_a_mark(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ('Fresh <img class="emoji" title=":bread:" alt=":bread:"> today', "Fresh :bread: today"),
        ('<img alt="a > b" src="x">', "a > b"),
        ("<img src=x onerror=alert(1)>gone", "gone"),
        (
            '<a class="lightbox" href="https://example.org/o.png"><img alt="oven"><div class="meta">690x388</div></a>',
            "oven (https://example.org/o.png)",
        ),
    ],
)
def test_an_image_says_what_it_shows(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize("piece", ["<", "<a/", "<a '", "<a b='c' ", "<!--", "</", "<script></script>", "<p> ", "&#"])
def test_hostile_markup_is_read_in_one_go(piece: str) -> None:
    assert len(plain(piece * 100_000)) <= 200_000  # the standard library's parser would not come back


@given(st.text(alphabet="<>/!?-ab=\"'&; \n#x"))
def test_nothing_can_stop_the_reading(markup: str) -> None:
    plain(markup)

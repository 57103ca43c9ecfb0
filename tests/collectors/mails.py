"""Invented alert mails, in the forms that the services use."""

from email.message import EmailMessage

F5BOT_TEXT = """\
Hi there,

F5Bot found something for you!

Keyword: "crm"
Reddit Posts (/r/bakers/): 'Which CRM for a bakery?'
https://f5bot.com/url?u=https%3A%2F%2Fwww.reddit.com%2Fr%2Fbakers%2Fcomments%2F1abc9z%2Fwhich_crm%2F&i=17&h=abc
We are three people and would like a simple CRM.
It must work on a phone.

Reddit Comments (/r/florists/): 'Orders'
https://f5bot.com/url?u=https%3A%2F%2Fwww.reddit.com%2Fr%2Fflorists%2Fcomments%2F1abd%2Forders%2Fk0def1%2F&i=18
What CRM do you use?

Hacker News Comments: "Ask HN: Tools"
https://f5bot.com/url?u=https%3A%2F%2Fnews.ycombinator.com%2Fitem%3Fid%3D4711&i=19
Looking for a CRM with an API.

Do you have comments or suggestions about F5Bot? https://f5bot.com/feedback
You are receiving this email because you signed up. Unsubscribe: https://f5bot.com/unsubscribe?u=1
"""

GOOGLE_HTML = """\
<html><head><style>a { color: blue }</style></head><body><table>
<tr><td><a href="https://www.google.com/alerts?source=alertsmail"><img src="https://www.gstatic.com/logo.png"></a>
<h2>crm for bakers</h2></td></tr>
<tr><td><div>
<a href="https://www.google.com/url?rct=j&amp;sa=t&amp;url=https://baking.example/posts/crm%3Fid%3D7&amp;ct=ga">
<span>Bakers look for a <b>CRM</b> (again)</span></a>
<div><div>Baking Weekly</div>
<blockquote>Anna asks which <b>CRM</b> suits a bakery &amp; its caf&eacute;&nbsp;...</blockquote></div>
<div><a href="https://www.google.com/alerts/share?hl=en&amp;gl=US&amp;ru=https://baking.example/posts/crm">Share</a>
<a href="https://www.google.com/alerts/feedback?ffu=1">Flag as irrelevant</a></div></div>
</td></tr>
<tr><td>
<a href="https://www.google.com/url?rct=j&amp;url=https://forum.example/t/crm-wanted/123&amp;ct=ga">CRM wanted</a>
<div>For a shop of two.</div></td></tr>
</table><p>You have received this email because you have subscribed to <b>Google Alerts</b>.
<a href="https://www.google.com/alerts/remove?s=1">Unsubscribe</a></p></body></html>
"""

GOOGLE_TEXT = """\
=== News - 1 new result for [crm] ===

Bakers look for a CRM
Baking Weekly
Anna asks which CRM suits a bakery ...
<https://www.google.com/url?rct=j&sa=t&url=https://baking.example/posts/crm%3Fid%3D7&ct=ga>

Unsubscribe from this Google Alert:
<https://www.google.com/alerts/remove?source=alertsmail&s=1>
"""


def mail(
    text: str = "",
    *,
    html: str = "",
    sender: str = "alerts@f5bot.com",
    subject: str = "F5Bot found something: crm",
    message_id: str = "<1@example.org>",
    charset: str = "utf-8",
    date: str = "Fri, 20 Nov 2026 09:00:00 +0000",
) -> bytes:
    """A mail in bytes, as a service would send it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "alerts@example.org", subject
    message["Message-ID"], message["Date"] = message_id, date
    if text:
        message.set_content(text, charset=charset, cte="quoted-printable" if charset != "utf-8" else "base64")
    if html:
        (message.add_alternative if text else message.set_content)(html, subtype="html", charset=charset)
    return message.as_bytes()

"""Invented answers to replies of ours, and what each means. The rules were mended on the first half of each kind only."""

# ruff: noqa: E501 - one answer, one line

from overheard.vocabulary import AnswerKind

_POSITIVE = """
That sounds like exactly what we need, can you send me a link?
Thanks, would love to see a demo.
Yes please, message me the details.
Interesting! I'll give it a try this weekend.
Sounds great, let's talk on Thursday.
I'm interested. How do we start?
This is perfect, thank you! Signing up now.
Sure, send it over.
OK you got me, I'll check it out.
We'd be happy to hop on a call.
My email is rosa@rye.example, write me there.
Just signed up for the trial, looks good so far.
Count me in.
Oh nice, that solves half of our problem. Can I try it?
Yes! We have been looking for this for months.
Let me take a look, thanks for not just dropping a link.
Definitely interested, we are three people.
Could we schedule something next week?
That helps a lot, I think we will go with you.
Brilliant, exactly what I was looking for.
I'd like to test it with our orders from last month.
Thanks, booked a demo for Monday.
Sounds promising. Who do I speak to?
I showed this to my partner and we want to try it.
Free on Tuesday after four if you want to walk me through it.
Great, thanks! DM me please.
Happy to chat, ping me here.
I'll sign us up tonight.
Wow, the sheet import alone would save me a day. Going to get started.
Sold. Where do I pay?
Appreciate the honest answer, I'd love to hear more.
Yeah go on, show me.
We could use that right away.
Looks good, I'll bring it up with the team tomorrow.
That might be the one. Trying it now.
Okay that is impressive, let's do a pilot.
I was about to give up, this looks like it fits. Thank you!
Please do, my address is in my profile.
Cool, we'd pay for that.
Put me on the list for the beta.
I tried the free plan and we are keeping it.
Great timing, our contract ends in May. Let us talk.
Thank you, that is the kind of tool I had in mind. Downloading it.
Can you give me access? I want to play with it.
yes interested, pm me
Sounds reasonable. Set up a call with Anna from my side.
Ha, you convinced me. Trial started.
This would fit us well I think, what is the next step?
Perfect. We will start with two seats.
Ok, let's see it then.
We're in, send the paperwork.
Good to know it exists, I will look into it on Friday.
"""
_QUESTION = """
How much is it for five people?
Does it work with QuickBooks?
Is there a free plan?
What happens to my data if I leave?
Can it import from a spreadsheet?
Which countries do you support?
Do you have an app for the phone?
How is this different from the big ones?
Where is it hosted?
Is it open source?
What does setup look like?
Does it do invoices as well?
Curious how it handles two locations.
Any idea how long the move would take?
Who else uses this in food?
Can two people edit the same order at once?
Tell me more about the reports.
How do you deal with returns?
Does it have an API?
Wondering if it works offline.
Is that price per user or for all of us?
What about GDPR, are the servers in Europe?
Would it cope with 2000 orders a day?
And what did you use before?
Is there a limit on contacts?
Are you the founder?
Do customers get a mail when the order ships?
How long have you been around?
Can I export everything again?
What is the learning curve like for people who hate computers?
Does it speak Spanish?
Could you explain what you mean by a shared sheet?
Is support included?
Not sure whether it can do recurring orders.
which plan has the calendar
How does billing work if we close in winter?
Do you integrate with Shopify or only with WooCommerce?
Is there a self hosted version?
Hm, and is the mobile version usable?
What size of team is it meant for?
Does the trial need a credit card?
Can it print labels?
So is it a CRM or an order tool?
How often do you ship updates?
Does it have single sign on?
Could I migrate from Trello?
Any discount for non profits?
What was the hardest part for you when you changed?
More details about the backup would help me decide.
Is the data encrypted?
Which of the two would you take for a one man shop?
Does that also work for services and not only goods?
"""
_NEGATIVE = """
Thanks, but we already went with something else.
Not for us, but good luck.
No thanks.
Too expensive for a shop of our size.
We decided to stay with spreadsheets.
Looked at it, it does not support our till.
I don't think this fits.
Nah, overkill for me.
We built our own in the end.
Already using a competitor and happy with it.
Not what I was looking for, I asked for something offline.
Pass.
Tried it last year and it was too slow.
We can't afford another subscription.
Appreciate it, but we are not looking any more.
Doesn't work for what I need, sorry.
I solved it already with a script.
Our budget was cut, so no.
We'll stick with what we have.
Sorry, not interested.
That is way too complicated for my parents.
Nope, needs to run on Linux.
I need something without a monthly fee, so this is out.
My boss said no.
Thanks for the tip, however we need a German interface.
Not right now, maybe next year.
Hard pass, it lacks an API.
We changed our minds and hired somebody.
It is missing the one thing I asked about.
We don't need that anymore.
I can't justify the price for three users.
Had a look. The reviews put me off.
Unfortunately it is a no from our side.
I would rather keep paper.
Doesn't integrate with our bank, which is a deal breaker.
Someone else in this thread already helped me.
This has nothing to do with my question.
We signed with another vendor yesterday.
It did not convince us.
You clearly did not read my post.
Way more than we need.
That one was recommended before and I did not like it.
Got it sorted, thanks anyway.
Won't work, our people have no phones at work.
We are a public body and cannot buy this.
I prefer something local.
Not worth it for ten orders a week.
Meh. Looks like all the others.
I asked for free tools only.
Thank you but the decision has been made.
We looked into it and went another way.
It's a good product, just not for this.
"""
_STOP = """
Please stop messaging me.
Don't contact me again.
Stop spamming this thread.
Leave me alone.
Unsubscribe.
This is spam, reported.
Do not write to me any more.
Take me off your list.
Remove me from whatever this is.
Blocked.
I never agreed to be contacted by vendors.
Go away.
Stop.
No sales pitches please, I said so in my post.
Quit advertising here.
Keep your product to yourself.
I don't want to hear from you or your company.
Reported to the mods. Don't do that here.
Please do not DM me.
Fuck off with your ads.
Opt out.
Delete my data, I did not consent to this.
You people again? Stop it.
Never reply to me again.
Not interested and please don't ask again, no vendors.
Another shill. Block and report.
I asked for no solicitation.
Please refrain from contacting me.
If you message me once more I will call the mods.
Get lost.
Lose my number.
I do not wish to be approached about this.
We have a no vendor policy, please respect it.
Stop tagging me.
This feels like harassment.
Under the GDPR I ask you to erase everything you have about me.
Mods, can we get this spammer out?
I'm reporting this as unsolicited advertising.
Don't sell to me.
Please respect that I don't want replies from companies.
Not again. Leave.
do not email me
No more of these, thanks. Remove me.
Enough with the promotion already.
Who asked you? Stop promoting your stuff.
Bots like you ruin this place, blocked.
Cease all contact.
I have told your colleague already: no calls, no messages.
Please take this elsewhere and don't bother me.
I want out of this conversation for good.
Stop replying to my posts.
Unwanted. Do not follow up.
"""

ANSWERS = [
    (line, kind, number % 2 == 0)
    for kind, lines in (
        (AnswerKind.POSITIVE, _POSITIVE),
        (AnswerKind.QUESTION, _QUESTION),
        (AnswerKind.NEGATIVE, _NEGATIVE),
        (AnswerKind.STOP, _STOP),
    )
    for number, line in enumerate(lines.strip().splitlines())
]
"""Text, kind, and whether it is of the half on which the rules were mended."""

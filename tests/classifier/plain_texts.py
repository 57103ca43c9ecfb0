"""Invented asks as plain as they come, one line and no more, each with a near twin that is no lead."""

from classifier.text import PostText
from overheard.vocabulary import Intent

_PAIRS = {
    Intent.PURCHASE: [
        ("Looking to hire an agency for a product video", "Our agency makes product videos, ask us anything"),
        ("Looking for quotes: basement waterproofing", "How do I find out where my basement lets water in?"),
        ("Need a bookkeeper for two days a month, remote is fine", "Bookkeeper here, two days a month free"),
        ("Buying a used label printer, Leeds area, up to 60 pounds", "Selling a used label printer, Leeds"),
        ("Wanted: translator for a 30 page manual, German to Polish", "A translator's day: 30 pages, no lunch"),
        ("We have 5k set aside for new team chairs, send offers", "We sold our team chairs for 5k, what a week"),
        ("Seeking a contractor to move our shop off Magento", "We moved our shop off Magento, some numbers"),
    ],
    Intent.RECOMMENDATION: [
        ("Good dentist near the harbour?", "The dentist near the harbour has closed"),
        ("What does everyone use to sign contracts online?", "Contracts signed online hold up in court"),
        ("Software for a small dog kennel?", "I wrote software for small dog kennels"),
        ("anyone got a reliable courier for fragile stuff", "the courier broke my fragile stuff again lol"),
        ("Does an app exist that reads recipes aloud?", "My app that reads recipes aloud is out today"),
        ("Need a course on Kubernetes that isn't boring", "Kubernetes pod stays pending, how to fix it?"),
    ],
    Intent.ALTERNATIVE: [
        ("Our scheduling app doubled its price, what else is out there", "Should we double our app's price?"),
        ("Fed up with Jira. Where did you all move to?", "Fed up with Jira, so I built my own tracker"),
        ("Our web host is shutting down, need a new one by May", "Another web host is shutting down in May"),
        ("Something like Airtable but cheaper", "How does Airtable make its money?"),
        ("My bookkeeper vanished and I need a replacement", "My bookkeeper vanished. Can I sue?"),
    ],
    Intent.COMPARISON: [
        ("square or sumup for a second till?", "square deposits are delayed, how do i reach support?"),
        ("Xero vs FreshBooks for a photographer", "Xero bought another start-up"),
        ("Is the paid plan of Canva worth it for a bakery?", "Is a bakery worth opening in this economy?"),
        ("Dyson or Shark, two cats, one carpet", "Two cats, one carpet: a love story"),
        ("Torn between a MacBook Air and a Framework for uni", "Torn between two job offers after uni"),
    ],
    Intent.PAIN: [
        ("I copy orders into a spreadsheet by hand every night, how do you cope?", "How I copied orders by hand"),
        (
            "Half our customers never pay on time and chasing them eats my week",
            "Three customers paid today, great week",
        ),
        ("Wish there was a way to stop no-shows at my salon", "Have you ever been a no-show? Just curious"),
        ("Our support inbox is drowning us, how are others handling this?", "Our support team is hiring two people"),
        ("I keep losing track of which version of a contract is the last", "Contract law: last version wins"),
    ],
}

INTENTS = [intent for intent, pairs in _PAIRS.items() for _ in pairs]
ASKS = [PostText(ask, "") for pairs in _PAIRS.values() for ask, _ in pairs]
TWINS = [PostText(twin, "") for pairs in _PAIRS.values() for _, twin in pairs]

"""Invented posts. Each ask has a near twin: much the same words, no need of the writer's own."""

from classifier.text import PostText

ASKS_AND_TWINS: list[tuple[PostText, PostText]] = [
    (
        PostText(
            "What do you use for invoicing?", "I run a two-person shop and Excel is killing me. Any tool you like?"
        ),
        PostText(
            "What we use for invoicing", "We run a two-person shop and wrote our own tool. Here is how we did it."
        ),
    ),
    (
        PostText(
            "Looking for a CRM for a small agency", "Six people, we need pipelines and email. What would you pick?"
        ),
        PostText(
            "We launched a CRM for small agencies", "Six months of work, pipelines and email. Feedback is welcome!"
        ),
    ),
    (
        PostText("Alternative to Mailchimp?", "They raised the price again and I want to leave. Where did you go?"),
        PostText(
            "Why I built an alternative to Mailchimp", "They raised the price again, so I made my own. Try it free."
        ),
    ),
    (
        PostText(
            "Hetzner or DigitalOcean for a small shop?", "I need to choose one this week. Which is more reliable?"
        ),
        PostText("Hetzner and DigitalOcean had an outage", "Both were down this week. The post-mortem is a good read."),
    ),
    (
        PostText("Is Notion worth it for a team of five?", "Thinking of paying for it. Has anyone used it for docs?"),
        PostText("How I grew my Notion templates to $5k", "People pay for docs. Here are the lessons I learned."),
    ),
    (
        PostText(
            "Can anyone recommend an accountant for freelancers?",
            "First year on my own and I would rather pay someone.",
        ),
        PostText(
            "Should I leave my job as an accountant to freelance?", "First year was hard and I wonder about my career."
        ),
    ),
    (
        PostText(
            "Need a Shopify developer, budget $2k", "Our theme needs rework before spring. Who can you recommend?"
        ),
        PostText("Shopify developer looking for work", "I do theme rework from $2k. My portfolio is in my profile."),
    ),
    (
        PostText("Any self-hosted photo backup that just works?", "Leaving the cloud, want phone upload. Suggestions?"),
        PostText(
            "My self-hosted photo backup fails at start",
            "The container exits with error 1 after the upgrade. Log below.",
        ),
    ),
    (
        PostText("Best app for tracking expenses?", "I need one that scans receipts. What are you all using?"),
        PostText("I made an app for tracking expenses", "It scans receipts. I would love to hear what you think!"),
    ),
    (
        PostText(
            "Which monitoring tool for ten servers?", "Looking for something simple with alerts. What do you recommend?"
        ),
        PostText("How to set an alert in Grafana?", "The query returns no data when I add the second condition."),
    ),
    (
        PostText(
            "Is there a tool that turns meetings into tasks?",
            "We lose half of what is said. Does anything do this well?",
        ),
        PostText("Show HN: A tool that turns meetings into tasks", "We lost half of what was said, so we built this."),
    ),
    (
        PostText("Looking for a good book on negotiation", "I have a big contract coming up. Which one helped you?"),
        PostText("I wrote a book on negotiation", "After twenty years of contracts I put it all down. Out today."),
    ),
    (
        PostText(
            "Switching from QuickBooks, what else is there?", "Support is gone and it is slow. I need a replacement."
        ),
        PostText("QuickBooks support is gone", "They closed the phone line. It was only a matter of time, I guess."),
    ),
    (
        PostText("Which payment provider works for Brazil?", "Ours does not support it. Looking for recommendations."),
        PostText("Payments in Brazil are growing", "A new report says that instant transfers passed cards this year."),
    ),
    (
        PostText("Recommend me a laptop for video editing", "My budget is 1500. Which model should I buy?"),
        PostText("My laptop gets hot when editing video", "How do I clean the fan without voiding the warranty?"),
    ),
    (
        PostText("Help desk software for a tiny team?", "Shared inbox is a mess. What are you using that is cheap?"),
        PostText(
            "How do I get my first ten users?", "I have a help desk product and no traffic. How should I do marketing?"
        ),
    ),
    (
        PostText(
            "", "does anyone know a good library for parsing pdf tables? looking for something that is maintained"
        ),
        PostText("", "yes, that is the parser's fault. I pushed a fix, pull again and it works"),
    ),
    (
        PostText(
            "Ask HN: What do you use for team passwords?", "We are eight and share them in chat. Need something better."
        ),
        PostText("Ask HN: Are passwords dead?", "Every year somebody says so. What do you think will happen?"),
    ),
    (
        PostText(
            "Looking for a scheduling app for my salon", "Clients must book online. Any suggestions under $30 a month?"
        ),
        PostText(
            "Would you pay for a scheduling app?", "I am validating an idea for salons and want to talk to owners."
        ),
    ),
    (
        PostText(
            "Anyone know a good freelance designer?", "I need a logo and a landing page. Happy to pay for quality."
        ),
        PostText("How should I price my design work?", "Clients want a logo and a landing page. Hourly or fixed?"),
    ),
]

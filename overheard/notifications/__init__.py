"""What is told, and to whom: the bell, mail, Slack, webhooks, feeds."""

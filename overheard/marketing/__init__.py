"""Campaigns: what is sold, to whom, and what is let in."""

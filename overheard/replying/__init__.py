"""Replies: written by a person, sent once, answered."""

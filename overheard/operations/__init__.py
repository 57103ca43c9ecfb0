"""Keeping an installation alive: backups, and coming back from them."""

"""Leads in somebody's CRM: what is pushed there, and what comes back."""

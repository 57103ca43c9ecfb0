"""Queries: saved, matched, tried on what is stored. What a query can say stands in `overheard/query_language/`."""

"""Posts come in: what is watched, stored, erased."""

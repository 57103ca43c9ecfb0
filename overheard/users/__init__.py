"""The people who work here: who they are, how they come in, what they did."""

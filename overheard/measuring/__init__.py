"""What came of it all, and how sure one can be."""

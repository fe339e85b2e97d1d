"""X's query language, shared by search, counts and stream rules."""

"""A look-alike of X API v2 on loopback, with synthetic tweets or the replay of a CSV."""

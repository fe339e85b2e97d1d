"""X API v2: the client, its money governor, and the tolerant reading of what comes back."""

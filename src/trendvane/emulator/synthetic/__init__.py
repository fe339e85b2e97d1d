"""Feed (a): invented tweets about invented things, each with its true sentiment kept aside."""

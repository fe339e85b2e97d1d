"""Raw responses: the local spool and the object store they are pushed to."""

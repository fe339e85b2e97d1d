"""What each endpoint answers: plain functions from a world and a call to a reply."""

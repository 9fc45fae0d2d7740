"""Examining a policy: judgements, scores, and the report of a run."""

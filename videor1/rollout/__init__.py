"""Prompts → groups of responses, to ordered and to shuffled frames."""

"""Marks → what a person reads: one examination, several side by side, the stages of the quickstart."""

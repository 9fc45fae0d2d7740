"""Records on disk → batches of prompts."""

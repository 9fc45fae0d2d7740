"""The model: what it reads, how it attends, and what it says of responses.

    loading ─▶ vision (pixels) ─▶ packing (mrope) ─▶ attention (shared_prefix, masked) ─▶ token_scores

`group_pass` walks this path for the responses of whole groups; the rollout engine walks it to prefill.
"""

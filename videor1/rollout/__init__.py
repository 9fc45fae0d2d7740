"""Prompts → groups of responses, to ordered and to shuffled frames.

    loop ─▶ shuffle ─▶ engine (the protocol) ─▶ hf: prefill, then step by step kv ─▶ draw

`packed_linear` makes the products of these steps faster on a CPU.
"""

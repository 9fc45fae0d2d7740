"""Prompts → groups of responses, to ordered and to shuffled frames.

    source ─▶ loop ─▶ shuffle ─▶ engine (the protocol) ─▶ hf: prefill, then step by step kv ─▶ draw
                                                       ─▶ vllm, in this process
                                                       ─▶ server/remote, vllm in one of its own

`settings` says which engine, `agreement` whether it means what the trainer means, `ahead` lets it work while
the trainer does. `packed_linear` makes hf's products faster on a CPU.
"""

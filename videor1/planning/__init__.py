"""What a run will need, from its config alone: no model, no weights, no data, no GPU.

    config ─▶ Job ─▶ Memory (what fits) and Seconds (how long) ─▶ Change (what to do about it)

`shape.py` counts parameters, `layers.py` and `activations.py` what a pass holds, `spreads.py` who holds what,
`memory.py` adds up, `flops.py` and `seconds.py` estimate a step, `advice.py` tries the options. The bytes of
passes, weights, gradients and optimizer are checked against measurement by `benchmarks/memory.py`; times and
what GPUs reserve are estimates.
"""

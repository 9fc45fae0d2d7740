"""Records on disk → batches of prompts. The files in the order in which the data pass through them:

scan, records, record_index, record_file    a record file stays on disk; its records are found by number
mixture, sampler                            which numbers come, and when
media                                       number's record → the path of its file, inside the data root
cache | isolate, frames, readers/           kept frames, or decoding in a process of its own → `Clip`
prompts, budget, maker                      `Clip` and question → `Prompt` that is not too long
dataset, batch                              a batch of them in a loader's worker; what failed on the way
split, quarantine, ask, datamodule          a run's files, its unusable records, its loaders
"""

"""Benchmark files → records. The files in the order in which an entry of `data.benchmarks` meets them:

benchmark_file                              the entry: which benchmark, which files, how many questions
rows                                        JSON, JSON lines or parquet → rows that name themselves in errors
known                                       the benchmarks by name, and what each needs on disk
vsi_bench | video_mmmu | mmvu               one definition each: its own files → records, and the task
mvbench | tempcompass | videomme            of a record in the file that Video-R1 released of it
benchmark, questions, released              what these six share
subset                                      a fixed part of the questions
write                                       the questions of all entries as one record file
"""

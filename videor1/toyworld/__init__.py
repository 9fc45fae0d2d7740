"""A small world whose questions need time: real mp4 and png files, Video-R1 records, a tiny Qwen2.5-VL.

    canvas, scene ─▶ temporal, cued, other ─▶ tasks ─▶ records ─▶ build ◀─ media
                                        tasks ─▶ corpus ─▶ tokenizer ─▶ tiny_model ─▶ build

It makes the whole pipeline runnable, and its effect measurable, in minutes on a CPU.
"""

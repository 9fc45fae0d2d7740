"""A small world whose questions need time: real mp4 and png files, Video-R1 records, a tiny Qwen2.5-VL."""

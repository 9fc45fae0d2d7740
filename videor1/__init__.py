"""videor1: T-GRPO training of vision-language models on video and images. See README.md for the map."""

"""videor1: T-GRPO training of vision-language models on video and images. See README.md for the map."""

import logging

# peft imports it, and on some CPUs it then asks for a package that nothing here has a use for.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

"""Media file → frames: one library a module, each imported nowhere else under `videor1/data/`."""

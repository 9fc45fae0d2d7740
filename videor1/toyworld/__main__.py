"""python -m videor1.toyworld --out FOLDER [--config FILE --seed N --train N --model.hidden N …]"""

from __future__ import annotations

import sys
from pathlib import Path

from jsonargparse import ArgumentParser
from transformers.utils.logging import disable_progress_bar

from videor1.errors import ConfigError
from videor1.messages import tell
from videor1.toyworld.build import build
from videor1.toyworld.settings import WorldSettings


def main(args: list[str] | None = None) -> int:
    """Runs the command line, for which `args` may stand in, and returns the exit code: 2 if it is refused."""
    parser = ArgumentParser(
        prog="python -m videor1.toyworld",
        description="Writes the toy world: videos, images, questions and a tiny model.",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart/world"), help="folder to write")
    parser.add_argument("--overwrite", action="store_true", help="remove a world of other settings first")
    parser.add_argument("--config", action="config", help="YAML file of settings")
    parser.add_class_arguments(WorldSettings)
    disable_progress_bar()  # of transformers, for the one weight file; the build has its own
    try:
        chosen = parser.instantiate(parser.parse_args(args)).as_dict()
        chosen.pop("config")
        out, overwrite = chosen.pop("out"), chosen.pop("overwrite")
        written = build(out, WorldSettings(**chosen), overwrite=overwrite)
    except ConfigError as error:
        tell(error, str(error))
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"{out}: {'written' if written else 'complete already, nothing to do'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

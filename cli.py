"""python cli.py {fit,validate,test,predict} -c CONFIG

Wires the classes that a config names; defines none itself. Errors of the input end as one line.
"""

from __future__ import annotations

import sys
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

from callbacks import ShowAnswers
from videor1.data.datamodule import VideoDataModule
from videor1.errors import UserError
from videor1.modules import PolicyModule


class VideoR1CLI(LightningCLI):
    """LightningCLI with one seed for everything and one folder, trainer.default_root_dir, for a run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        for target in ("model.init_args.seed", "data.seed"):
            parser.link_arguments("seed_everything", target, compute_fn=int)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A fixed folder for curves and checkpoints, so that `--ckpt_path last` finds them again."""
        trainer = self._get(self.config_init, "trainer")
        if trainer.logger in (None, True):
            kwargs.setdefault(
                "logger", TensorBoardLogger(trainer.default_root_dir or ".", name="", version="")
            )
        return super().instantiate_trainer(**kwargs)


def main(args: ArgsType = None) -> None:
    """Runs one sub-command; `args` stands in for the command line."""
    VideoR1CLI(
        PolicyModule,
        VideoDataModule,
        subclass_mode_model=True,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={"callbacks": [ShowAnswers()], "use_distributed_sampler": False},
        args=args,
    )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")

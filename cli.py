"""python cli.py {fit,validate,test,predict,audit,annotate,plan} -c CONFIG; {compare,export,judge} without.

Wires the classes that a config names; defines none itself. Errors of the input end as one line.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import warnings
from typing import Any, NoReturn

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks import ShowAnswers
from videor1.data.datamodule import VideoDataModule
from videor1.errors import UserError
from videor1.feasible import check_trainer, refusal
from videor1.messages import TRACEBACK, check_syntax, line_of, parse_error, tell
from videor1.modules import PolicyModule
from videor1.tools import TOOLS, run_tool
from videor1.trainer import VideoTrainer

_EXPECTED_WARNINGS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # lightning calling torch
    r"Found \d+ module\(s\) in eval mode",  # the frozen reference
    r"It is recommended to use `self.log\(.*sync_dist=True",  # scores are the same on every rank already
    "`torch.distributed.reduce_op` is deprecated",  # vllm looking at torch
    "You defined a `validation_step` but have no `val_dataloader`",  # validate is a command of its own
)
# An audit of a run for 64 GPUs is run on a machine that has none.
_NO_TRAINING = {
    "accelerator": "cpu",
    "devices": 1,
    "num_nodes": 1,
    "strategy": "auto",
    "precision": "32-true",
}
_NO_TRAINING |= {"logger": False, "enable_checkpointing": False}


class Parser(LightningArgumentParser):
    """Says what is wrong with a command in one line, where jsonargparse prints every option there is."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        parser: Any = self
        commands: Any = self._subcommands_action
        if commands and (match := re.search(r"^Subcommand '([^']+)'", message)):
            parser = commands.choices[match[1]]
        raise parse_error(message, ex, {action.dest for action in parser._actions}) from ex


class SavedConfig(SaveConfigCallback):
    """Leaves a run's settings beside what it trained; a command that only asks must not replace them."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            super().setup(trainer, pl_module, stage)


class VideoR1CLI(LightningCLI):
    """LightningCLI with one seed for everything and one folder, trainer.default_root_dir, for a run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        for target in ("model.init_args.seed", "data.seed"):
            parser.link_arguments("seed_everything", target, compute_fn=int)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        own = {"model", "datamodule"}
        return LightningCLI.subcommands() | {"audit": own, "annotate": own, "plan": {"model"}}

    def setup_parser(self, *args: Any) -> None:
        super().setup_parser(*args)
        told = "print one JSON object a question, and nothing else, on stdout"
        self._parser("predict").add_argument("--json", action="store_true", help=told)

    def _parse_ckpt_path(self) -> None:
        """Lightning lets hyper-parameters in a checkpoint replace settings, and reads all of it for that."""

    def instantiate_classes(self) -> None:
        if self.subcommand != "plan":
            super().instantiate_classes()
            return
        # the settings stand in for what they describe, which may need GPUs and files that are elsewhere
        self.config_init, self.model, self.datamodule = self.config, self.config[self.subcommand], None
        self.trainer = VideoTrainer  # type: ignore[assignment]  # of which only `plan` is called

    def before_predict(self) -> None:
        self.answers = ShowAnswers(json=self._get(self.config_init, "json"))
        self.trainer.callbacks.append(self.answers)  # type: ignore[attr-defined]  # a list

    def after_predict(self) -> None:
        if self.answers.unanswered:
            raise UserError(f"no answer to {self.answers.unanswered} of {self.answers.asked} questions")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A fixed folder for curves and checkpoints, so that `--ckpt_path last` finds them again."""
        trainer = self._get(self.config_init, "trainer")
        if self.subcommand == "audit":
            kwargs |= _NO_TRAINING | {"callbacks": []}
        elif self.subcommand == "predict":
            kwargs |= {"logger": False, "enable_progress_bar": False}  # stdout belongs to the answers
        elif trainer.logger in (None, True):
            kwargs.setdefault(
                "logger", TensorBoardLogger(trainer.default_root_dir or ".", name="", version="")
            )
        try:
            made = super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ValueError) as error:
            raise refusal(error) from error
        check_trainer(made, kwargs.get("precision", trainer.precision))
        return made


def main(args: ArgsType = None) -> None:
    """Runs one sub-command; `args` stands in for the command line."""
    for expected in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=expected)
    words = sys.argv[1:] if args is None else args
    if isinstance(words, list) and words and words[0] in TOOLS:
        run_tool(words[0], words[1:])
        return
    if isinstance(words, list):
        check_syntax(words)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_no_advertisement)
    threading.excepthook = _unless_it_is_raised_again
    VideoR1CLI(
        PolicyModule,
        VideoDataModule,
        trainer_class=VideoTrainer,
        subclass_mode_model=True,
        parser_class=Parser,
        parser_kwargs={
            "description": f"Commands that take no config: {', '.join(TOOLS)}."
            f" {TRACEBACK}=1 in the environment shows where an error comes from."
        },
        seed_everything_default=0,
        auto_configure_optimizers=False,
        save_config_callback=SavedConfig,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={"use_distributed_sampler": False},
        args=args,
    )


def _unless_it_is_raised_again(args: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer hands what the disk says to the thread that writes next."""
    of_writer = type(args.thread).__module__.startswith("tensorboard.")
    if not (of_writer and isinstance(args.exc_value, OSError)):
        threading.__excepthook__(args)


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return "Tip: For seamless cloud" not in record.getMessage()


def run(args: ArgsType = None) -> int:
    """`main`, with errors of the input as one line on stderr; returns the exit status."""
    try:
        main(args)
    except BrokenPipeError:  # who reads the answers has read enough; nothing more may be written on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except SIGTERMException:  # from a run without callbacks.RunCheckpoint
        return 128 + signal.SIGTERM
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):  # Lightning has shut down
            return 128 + signal.SIGINT
        raise
    except MisconfigurationException as error:
        tell(error, " ".join(str(error).split()))
        return UserError.status
    except (UserError, ValueError, OSError) as error:
        if (told := line_of(error)) is None:
            raise
        tell(error, told[0])
        return told[1]
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(run())

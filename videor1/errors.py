"""What a user can get wrong, one type a kind. `cli.py` prints these as one line and no traceback.

Each message names the file, the record or the config key, and says what is wrong with it.
"""


class UserError(Exception):
    """Base of the errors that are the input's fault, not the program's."""

    status = 2  # that the process exits with


class ConfigError(UserError):
    """A setting, or a combination of settings, that cannot work; the message names the config key."""


class RecordError(UserError):
    """A data file or one of its records is malformed."""


class RewardError(UserError):
    """A reward term of the user's own returned what is no reward; names its class and the record."""


class EngineError(UserError):
    """A rollout engine died, does not answer, or reads and scores otherwise than the trainer does."""


class MediaError(UserError):
    """A video or image cannot be read; the message names the file and the cause."""


class DiskError(UserError):
    """A file of the run cannot be written; the message names it and the cause."""


class LostError(UserError):
    """What the run depends on was there and is gone: a loader's worker, the file system of the media."""

    status = 75  # it may be there again the next time


class NumbersError(UserError):
    """Training has nothing left to learn from: steps were not finite, or a curve left its bounds."""


class RolledBack(NumbersError):
    """Likewise; the same command with `--ckpt_path last` goes on from an earlier checkpoint."""

    status = 76

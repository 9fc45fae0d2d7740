"""Record → Prompt: the clip is read, the prompt built, and both made to fit the budget of tokens."""

from __future__ import annotations

from videor1.data.budget import lower, vision_tokens
from videor1.data.frames import ClipSettings
from videor1.data.media import MediaReader
from videor1.data.prompts import PromptBuilder
from videor1.errors import RecordError
from videor1.types import Prompt, Record


class PromptMaker:
    """Makes prompts within a budget of tokens.

    Args:
        media: reads the clips.
        clip: frames and pixels, where the budget allows.
        builder: writes the prompts.
        max_tokens: most tokens of a prompt and its response together.
        response_tokens: kept free for the response; None for those of the record's own target (SFT).
    """

    def __init__(
        self,
        media: MediaReader,
        *,
        clip: ClipSettings,
        builder: PromptBuilder,
        max_tokens: int,
        response_tokens: int | None,
    ) -> None:
        self.media = media
        self.clip = clip
        self.builder = builder
        self.max_tokens = max_tokens
        self.response_tokens = response_tokens

    def make(self, record: Record) -> Prompt:
        """The prompt of a record; media that would be too long are read again with less of them.

        Raises:
            MediaError: its file cannot be read.
            RecordError: its text cannot be a prompt, or does not fit beside the least of its media.
        """
        return self.fit(self.builder.build(record, self.media.read(record, self.clip)))

    def fit(self, prompt: Prompt) -> Prompt:
        """The prompt itself if it is within the budget, else the same question with less of its media.

        Raises:
            MediaError: its file cannot be read again.
            RecordError: it does not fit beside the least of its media, or see `reserved`.
        """
        record, clip = prompt.record, prompt.clip
        room = self.max_tokens - self.reserved(record) - (len(prompt.input_ids) - vision_tokens(clip))
        if vision_tokens(clip) <= room:
            return prompt
        target = room
        while (fitting := lower(self.clip, clip, target)) is not None:
            smaller = self.media.read(record, fitting)
            if vision_tokens(smaller) <= room:
                return self.builder.build(record, smaller)
            target = target * room // vision_tokens(smaller)  # a side cannot shrink below one patch
        raise RecordError(
            f"record {record.problem_id}: {max(room, 0)} of {self.max_tokens} tokens are left for its media,"
            " and that is too few; raise data.max_prompt_tokens"
        )

    def reserved(self, record: Record) -> int:
        """Tokens kept free for the response.

        Raises:
            RecordError: a record without a target, where the target is what counts.
        """
        if self.response_tokens is not None:
            return self.response_tokens
        return self.builder.target_tokens(record)

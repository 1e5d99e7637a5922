"""Writes text with a trained model, as it comes, to stdout.

    python -m char_lstm_tf.sample --model=saved_models/quickstart --prompt="The " --chars=500 --temperature=0.8

The same seed writes the same text. Temperature 0 takes the likeliest character every time; --top_k and --top_p keep
the model from its least likely ideas.
"""

import dataclasses
import secrets
import sys

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, option
from char_lstm_tf.run_folder import RunFolder
from pipelines.vocabulary import UNKNOWN


@dataclasses.dataclass(frozen=True)
class SampleConfig(Checked):
    """What to write."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    prompt: str = option("", "What the text continues; empty: a new line.")
    chars: int = option(500, "Characters to write.")
    temperature: float = option(
        0.8, "Below 1: safer; above 1: wilder; 0: the likeliest character every time."
    )
    top_k: int = option(0, "Choose among so many of the likeliest characters; 0: among all.")
    top_p: float = option(
        1.0, "Choose among the likeliest characters that have this probability together; 1: all."
    )
    seed: int | None = option(None, "Whole number that repeats a text; another one each time when not given.")
    num_samples: int = option(1, "Texts to write, side by side, with the seeds --seed, --seed + 1 and so on.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.chars >= 0, "chars", "must not be negative")
        self._require(0 <= self.temperature < float("inf"), "temperature", "must be a number of at least 0")
        self._require(self.top_k >= 0, "top_k", "must be at least 1, or 0 for no limit")
        self._require(0 < self.top_p <= 1, "top_p", "must be above 0 and at most 1")
        self._require(self.num_samples >= 1, "num_samples", "must be at least 1")
        self._require(
            self.seed is None or -(2**63) <= self.seed < 2**63 - self.num_samples,
            "seed",
            "must fit in 64 bits",
        )


def main() -> None:
    """Loads the run and writes."""
    config = command_line.read_flags(SampleConfig)
    folder = RunFolder.find(config.model)
    command_line.load_tensorflow()
    from char_lstm_tf.sampling import Writer  # imports TensorFlow: not before the flags are checked

    model, vocabulary = folder.load()
    unknown = sorted(set(config.prompt) - set(vocabulary.characters[1:]))
    if unknown:
        print(
            f"--prompt: the model doesn't know {' '.join(map(repr, unknown))} and reads each as {UNKNOWN}",
            file=sys.stderr,
        )
    seed = config.seed if config.seed is not None else secrets.randbits(31)
    seeds = [seed + number for number in range(config.num_samples)]
    pieces = Writer(model, vocabulary).write(
        config.prompt,
        chars=config.chars,
        seeds=seeds,
        temperatures=[config.temperature] * len(seeds),
        top_k=config.top_k,
        top_p=config.top_p,
    )
    if config.num_samples == 1:
        print(config.prompt, end="", flush=True)
        for piece in pieces:
            print(piece[0], end="", flush=True)
        print()
    else:
        for number, text in enumerate(map("".join, zip(*pieces, strict=True))):
            print(f"━━ seed {seeds[number]}\n{config.prompt}{text}")
    if config.seed is None:
        print(f"(--seed={seed} repeats this)", file=sys.stderr)


if __name__ == "__main__":
    command_line.run(main, SampleConfig)

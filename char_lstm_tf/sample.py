"""Writes text with a trained model, as it comes, to stdout.

    python -m char_lstm_tf.sample --model=saved_models/quickstart --prompt="The " --chars=500 --temperature=0.8
    python -m char_lstm_tf.sample --model=saved_models/quickstart --prompt_file=chapter.txt --stop=. --json

The same seed writes the same text, and so does `generate` of the SavedModel. Temperature 0, or --greedy, takes the
likeliest character every time; --top_k and --top_p keep the model from its least likely ideas; --beam looks for the
likeliest text as a whole, without chance.
"""

import dataclasses
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, option
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError
from pipelines.vocabulary import UNKNOWN, Vocabulary


@dataclasses.dataclass(frozen=True)
class SampleConfig(Checked):
    """What to write."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    prompt: str = option("", "What the text continues; empty: a new line.")
    prompt_file: str = option("", "File that holds the prompt, in UTF-8, instead of --prompt.")
    chars: int = option(500, "Characters to write.")
    stop: tuple[str, ...] = option(
        (), "End before this text; repeat it for others. --chars still ends it, too."
    )
    temperature: float = option(
        0.8, "Below 1: safer; above 1: wilder; 0: the likeliest character every time."
    )
    greedy: bool = option(False, "The likeliest character every time, whatever --temperature is.")
    top_k: int = option(0, "Choose among so many of the likeliest characters; 0: among all.")
    top_p: float = option(
        1.0, "Choose among the likeliest characters that have this probability together; 1: all."
    )
    beam: int = option(
        0,
        "Beam search of this width instead: no chance, and nothing is shown before the end. "
        "--num_samples are the likeliest texts found.",
    )
    seed: int | None = option(None, "Whole number that repeats a text; another one each time when not given.")
    num_samples: int = option(1, "Texts to write, side by side, with the seeds --seed, --seed + 1 and so on.")
    json: bool = option(
        False, "Print a JSON object a line for each text: prompt, text, and seed or (--beam) nats."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(not (self.prompt and self.prompt_file), "prompt_file", "give it or --prompt, not both")
        self._require(self.chars >= 0, "chars", "must not be negative")
        self._require(all(self.stop), "stop", "must not be empty")
        self._require(0 <= self.temperature < float("inf"), "temperature", "must be a number of at least 0")
        self._require(self.top_k >= 0, "top_k", "must be at least 1, or 0 for no limit")
        self._require(0 < self.top_p <= 1, "top_p", "must be above 0 and at most 1")
        self._require(0 <= self.beam <= 1000, "beam", "must be from 1 to 1000, or 0 for none")
        for field in ("stop", "greedy", "top_k", "top_p", "seed"):
            remedy = "--beam finds the likeliest texts of --chars characters; leave one of the two out"
            self._require(not (self.beam and self.given(field)), field, remedy)
        self._require(not self.beam or self.chars, "chars", "must be at least 1 with --beam")
        self._require(self.num_samples >= 1, "num_samples", "must be at least 1")
        self._require(
            not self.beam or self.num_samples <= self.beam, "num_samples", f"at most --beam={self.beam}"
        )
        self._require(
            self.seed is None or -(2**63) <= self.seed < 2**63 - self.num_samples,
            "seed",
            "must fit in 64 bits",
        )

    def read_prompt(self) -> str:
        """Returns the prompt, from wherever it comes.

        Raises:
            UserError: --prompt_file can't be read.
        """
        if not self.prompt_file:
            return self.prompt
        try:
            return Path(self.prompt_file).read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"--prompt_file={self.prompt_file}: {error.strerror}; name a file of text"
            ) from error
        except UnicodeDecodeError as error:
            raise UserError(
                f"--prompt_file={self.prompt_file}: not UTF-8 ({error.reason}); convert it"
            ) from error


def stopped(pieces: Iterator[list[str]], stops: Sequence[str]) -> Iterator[list[str]]:
    """Yields the pieces of each row up to the stop that is complete first, and ends when all rows have ended.

    Before: `["ab."], ["cd"]` with the stop `".c"`; after: `["ab"], [""], …`: what may become a stop is held back.

    Args:
        pieces: the next characters of each row, again and again.
        stops: texts of at least one character; none: the pieces come as they are.
    """
    held_back = max(map(len, stops), default=1) - 1
    held: dict[int, str] = {}
    done: set[int] = set()
    for piece in pieces:
        shown = [""] * len(piece)
        for row in set(range(len(piece))) - done:
            text = held.get(row, "") + piece[row]
            ends = [(text.index(stop) + len(stop), text.index(stop)) for stop in stops if stop in text]
            if ends:
                done.add(row)
            cut = min(ends)[1] if ends else max(len(text) - held_back, 0)
            shown[row], held[row] = text[:cut], "" if ends else text[cut:]
        yield shown
        if len(done) == len(piece):
            return
    if held:
        yield [held[row] for row in sorted(held)]


def main() -> None:
    """Loads the run and writes."""
    config = command_line.read_flags(SampleConfig)
    folder = RunFolder.find(config.model)
    prompt = config.read_prompt()
    command_line.load_tensorflow()
    from char_lstm_tf.models import build  # imports TensorFlow: not before the flags are checked

    model, vocabulary = build.load(folder)
    _report_unknown(prompt, vocabulary)
    if config.beam:
        from char_lstm_tf.inference import beam  # imports TensorFlow: not before the flags are checked

        found = beam.likeliest_texts(model, vocabulary, prompt, chars=config.chars, width=config.beam)
        texts, nats = zip(*found[: config.num_samples], strict=True)
        _show(config, prompt, texts, "nats", [round(value, 4) for value in nats])
        return
    from char_lstm_tf.inference.sampling import Writer  # likewise

    seed = config.seed if config.seed is not None else secrets.randbits(31)
    seeds = [seed + number for number in range(config.num_samples)]
    pieces = Writer(model, vocabulary).write(
        prompt,
        chars=config.chars,
        seeds=seeds,
        temperatures=[0.0 if config.greedy else config.temperature] * len(seeds),
        top_k=config.top_k,
        top_p=config.top_p,
    )
    pieces = stopped(pieces, config.stop)
    if config.num_samples == 1 and not config.json:
        print(prompt, end="", flush=True)
        for piece in pieces:
            print(piece[0], end="", flush=True)
        print()
    else:
        texts = ["".join(row) for row in zip(*pieces, strict=True)] or [""] * len(seeds)
        _show(config, prompt, texts, "seed", seeds)
    if config.seed is None:
        print(f"(--seed={seed} repeats this)", file=sys.stderr)


def _report_unknown(prompt: str, vocabulary: Vocabulary) -> None:
    unknown = sorted(set(prompt) - set(vocabulary.characters[1:]))
    if unknown:
        print(
            f"--prompt: the model doesn't know {' '.join(map(repr, unknown))} and reads each as {UNKNOWN}",
            file=sys.stderr,
        )


def _show(
    config: SampleConfig, prompt: str, texts: Sequence[str], label: str, values: Sequence[float]
) -> None:
    """Prints finished texts, each with what tells it from the others."""
    for text, value in zip(texts, values, strict=True):
        if config.json:
            print(json.dumps({"prompt": prompt, "text": text, label: value}, ensure_ascii=False))
        elif len(texts) == 1:
            print(f"{prompt}{text}")
        else:
            print(f"━━ {label} {value}\n{prompt}{text}")


if __name__ == "__main__":
    command_line.run(main, SampleConfig)

"""Writes text with a trained model, and prints it as it is written.

    python -m char_lstm_tf.sample --model=saved_models/quickstart --prompt="The " --chars=500 --temperature=0.8
    python -m char_lstm_tf.sample --model=saved_models/quickstart --prompt_file=chapter.txt --stop=. --json
    python -m char_lstm_tf.sample --model=saved_models/names --num_samples=20
    python -m char_lstm_tf.sample --model=saved_models/names --num_samples=10000 --report
    python -m char_lstm_tf.sample --model=saved_models/authors --label=austen --chars=500

A model of documents writes each to its end: with a model of lines, --num_samples=20 writes twenty lines. The same seed
writes the same text, here and with `generate` of the SavedModel, apart from rare rounding errors.
Temperature 0, or --greedy, takes the likeliest character every time. --top_k and --top_p leave out the least likely
characters. --beam searches for the likeliest text as a whole, without chance.

With --tokens=words, candidates are words and characters. --chars still counts characters, but tokens for --beam. A
blank belongs to the word after it, so end a prompt with a letter rather than with a blank.
"""

import dataclasses
import json
import secrets
import sys
from collections.abc import Sequence

from char_lstm_tf.runs.tables import print_facts
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import command_line
from pipelines.files import file_of
from pipelines.options import Options, format_flag, option, unescaped
from pipelines.tensorflow_import import import_tensorflow
from pipelines.vocabulary import UNKNOWN, Vocabulary

BEAM_CHARS = 1000  # default length of a document in a beam search


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleConfig(Options):
    """What to write."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    prompt: str = option(
        "", r"The text to continue, with \n as new lines. Empty: a new line, or the beginning of a document."
    )
    label: str = option("", "Label of the text, for a model with labels.")
    prompt_file: str = option("", "File that holds the prompt, in UTF-8, instead of --prompt.")
    chars: int | None = option(
        None,
        "Characters to write. A model of documents may end a text earlier. Default: 500; for documents, up to their "
        "end.",
        at_least=0,
        below=2**31,
    )
    stop: tuple[str, ...] = option(
        (), r"End before this text, with \n as new lines. Repeat it for others. --chars ends the text too."
    )
    temperature: float = option(
        0.8,
        "Below 1: safer. Above 1: wilder. 0: the likeliest character every time.",
        at_least=0,
        at_most=1e6,
    )
    greedy: bool = option(False, "Take the likeliest character every time, whatever --temperature is.")
    top_k: int = option(0, "Choose among this many of the likeliest characters. 0: among all.", at_least=0, below=2**31)
    top_p: float = option(
        1.0,
        "Choose among the likeliest characters that together have this probability. 1: among all.",
        above=0,
        at_most=1,
    )
    beam: int = option(
        0,
        "Use a beam search of this width instead: no chance, and nothing is shown before the end. --num_samples are "
        "the likeliest texts found. 0: no beam search.",
        at_least=0,
        at_most=1000,
    )
    seed: int | None = option(None, "Random seed. Default: a new one each time.", at_least=-(2**63))
    num_samples: int = option(1, "How many texts to write, with the seeds --seed, --seed + 1 and so on.", at_least=1)
    report: bool = option(
        False,
        "Instead of the texts, print how much of them is the model's own: how many are distinct, how many are not in "
        "the training text, the longest run copied from it, and their lengths.",
    )
    json: bool = option(False, "Print one JSON object per line for each text: prompt, text, and seed or (--beam) nats.")

    def check(self) -> None:
        """Checks that the flags fit together."""
        super().check()
        self.require(not (self.prompt and self.prompt_file), "prompt_file", "give it or --prompt, not both")
        self.require(all(self.stop), "stop", "must not be empty")
        for name in ("stop", "greedy", "top_k", "top_p", "seed") if self.beam else ():
            remedy = "--beam finds the likeliest texts of --chars characters; leave one of the two out"
            self.require(not self.is_given(name), name, remedy)
        self.require(not self.beam or self.chars != 0, "chars", "must be at least 1 with --beam")
        self.require(not (self.beam and self.report), "report", "goes with samples; leave it or --beam out")
        self.require(
            not self.beam or self.num_samples <= self.beam,
            "num_samples",
            f"must be at most --beam={self.beam}",
        )
        last_seed = (self.seed or 0) + self.num_samples - 1
        self.require(last_seed < 2**63, "seed", "must fit in 64 bits, with --num_samples")

    def read_prompt(self) -> str:
        """Returns the prompt.

        Raises:
            UserError: --prompt_file can't be read.
        """
        if not self.prompt_file:
            return unescaped(self.prompt)
        with file_of("prompt_file", self.prompt_file) as path:
            return path.read_text(encoding="utf-8-sig")


def main(config: SampleConfig) -> None:
    """Loads the run and writes."""
    run = TrainedRun.open(config.model)
    prompt = config.read_prompt()
    import_tensorflow()  # not before the flags are checked, since it takes seconds
    from char_lstm_tf.inference.language_model import LanguageModel
    from char_lstm_tf.inference.writing import Sampling

    model = LanguageModel.of(run)
    model.label_ids(config.label)  # a mistake in it shows before anything is printed
    prompt = model.reader.prompt(prompt)
    report_unknown(prompt, model.vocabulary)
    chars = model.framing.default_chars if config.chars is None else config.chars
    if config.beam:
        chars = min(chars, config.chars or BEAM_CHARS)
        found = model.likeliest(prompt, chars=chars, width=config.beam, label=config.label)
        likeliest, nats = zip(*found[: config.num_samples], strict=True)
        print_texts(config, run, prompt, likeliest, nats=[round(value, 4) for value in nats])
        return
    seed = config.seed if config.seed is not None else secrets.randbits(31)
    temperature, stop = 0.0 if config.greedy else config.temperature, tuple(map(unescaped, config.stop))
    sampling = Sampling(temperature=temperature, top_k=config.top_k, top_p=config.top_p, seed=seed, stop=stop)
    if config.num_samples == 1 and not (config.json or config.report):
        print(prompt, end="", flush=True)
        for (piece,) in model.stream([prompt], sampling, chars=chars, label=config.label):
            print(piece, end="", flush=True)
        print()
    else:
        texts = model.write([prompt] * config.num_samples, sampling, chars=chars, label=config.label)
        if config.report:
            report_texts(config, run, [prompt + text for text in texts])
        else:
            print_texts(config, run, prompt, texts, seed=range(seed, seed + config.num_samples))
        cut = 0 if config.report else sum(len(text) == model.framing.cut for text in texts)
        if config.chars is None and cut:
            print(f"{cut:,} texts had no end after {chars:,} characters and were cut there", file=sys.stderr)
    if config.seed is None:
        print(f"(--seed={seed} repeats this)", file=sys.stderr)


def report_unknown(prompt: str, vocabulary: Vocabulary) -> None:
    """Prints to stderr which characters of a prompt the model doesn't know."""
    if unknown := sorted(set(prompt) - set(vocabulary.characters[1:])):
        listed = " ".join(map(repr, unknown))
        print(f"--prompt: the model doesn't know {listed} and reads each as {UNKNOWN}", file=sys.stderr)


def report_texts(config: SampleConfig, run: TrainedRun, texts: Sequence[str]) -> None:
    """Prints how much of the texts is the model's own, as a table or as a JSON object.

    Raises:
        UserError: the training text, as the run encoded it, isn't in the run's --data_dir any more.
    """
    from char_lstm_tf.inference.originality import originality

    found = originality(texts, run.load_corpus())
    if config.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    print_facts(found, widths=(28, 15))


def print_texts(
    config: SampleConfig, run: TrainedRun, prompt: str, texts: Sequence[str], **values: Sequence[float]
) -> None:
    r"""Prints finished texts, each with its seed or its nats. Line ends in lines and rows are printed as \n."""
    ((label, each),) = values.items()
    for text, value in zip(texts, each, strict=True):
        if config.json:
            print(json.dumps({"prompt": prompt, "text": text, label: value}, ensure_ascii=False))
        elif run.config.settings.text.one_line_each:
            print(format_flag(f"{prompt}{text}"))
        elif len(texts) == 1:
            print(f"{prompt}{text}")
        else:
            print(f"━━ {label} {value}\n{prompt}{text}")


if __name__ == "__main__":
    command_line.run(main, SampleConfig)

"""Writes one HTML page with a trained model in it.

    python -m char_lstm_tf.visualize --model=saved_models/quickstart --output=page.html
    python -m char_lstm_tf.visualize --model=saved_models/book --output=book.html --text=chapter.txt --open

The page needs no server and no network: open the file, or send it to somebody. It has five views. Write: the model
writes, as `sample` does. Read: a text of yours, coloured by how much each character surprises the model, with the
likeliest next characters. Cells: the same text, coloured by the value of one memory cell, and which cells follow
quotes, brackets or the position in the line. Map: the vectors of the characters. History: the losses and the samples of
each epoch. The end of the address chooses the view: page.html#cells.

It is for recurrent models only (--architecture=sequential or functional, any --cell), with or without documents, labels
and words. Everybody who gets the file gets the weights, the samples of the run and the text that the page reads first.
"""

import dataclasses
import sys
import webbrowser
from itertools import islice
from typing import TYPE_CHECKING, cast

from char_lstm_tf.config import Config, settings
from char_lstm_tf.inference.texts import TextOptions, documents_of_part, read_texts
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError, command_line
from pipelines.files import atomic_write, file_of, require_writable
from pipelines.options import Options, option, unescaped
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.inference.language_model import LanguageModel
    from char_lstm_tf.models import stack

MOST_TEXT = 20_000  # characters that the page reads when it opens; four seconds at 2×128 units
OWN_TEXT = 3_000  # characters of the page's text without --text: held-out text, or written by the model
OWN_DOCUMENTS = 100
MOST_LOSS = 0.002  # nats per character that rounded weights may cost before there is a warning


@dataclasses.dataclass(frozen=True, kw_only=True)
class VisualizeConfig(Options):
    """What to write."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    output: str = option("", "The page to write, such as page.html. An older one is replaced.")
    text: str = option(
        "",
        "File that the page reads first; only the first 20,000 characters of a long one. Default: the beginning of the "
        "held-out text, or if that is gone, a text that the model writes.",
    )
    text_encoding: str = option("", "Encoding of the --text file, such as latin-1. Default: detected.")
    prompt: str = option("", r"What the page writes on when it opens; \n is a new line. Default: that of the samples.")
    weights: str = option(
        "float16",
        "How the page holds the weights. float16: two bytes each, and hardly any rounding. int8: one byte each, which "
        "makes the page half as large. What the rounding costs is printed.",
        choices=("float16", "int8"),
    )
    open: bool = option(False, "Show the page in the browser.")

    def check(self) -> None:
        """Checks the place to write to."""
        super().check()
        self.require(bool(self.output), "output", "name the page to write, such as --output=page.html")
        require_writable(self, "output", texts=filter(None, [self.text]))


def main(config: VisualizeConfig) -> None:
    """Loads the run and writes its page."""
    trained = TrainedRun.open(config.model)
    run = trained.config
    trained.require(settings.Recurrent, "a page is of a recurrent model of text")
    given = read_text(config, run) if config.text else ""
    import_tensorflow()  # not before the flags are checked, since it takes seconds
    from char_lstm_tf.inference.language_model import LanguageModel
    from char_lstm_tf.models.build import load
    from char_lstm_tf.page import packing, page

    network = cast("stack.Recurrent", load(trained))
    language_model = LanguageModel(network, trained.vocabulary, run.prompt_reader)
    facts = page.read_facts(trained, network)
    by_line = facts["eachLine"]  # as the page reads it
    text = given or held_out_text(trained, by_line=by_line) or own_text(language_model, seed=run.seed, by_line=by_line)
    before = loss(language_model, text, by_line=by_line)
    packed = packing.pack(network, form=config.weights)
    after = loss(language_model, text, by_line=by_line)
    prompt = unescaped(config.prompt) or run.prompt
    with file_of("output", config.output) as output, atomic_write(output) as path:
        page.write_page(path, title=trained.folder.path.name, facts=facts, packed=packed, prompt=prompt, text=text)
    print(
        f"{config.output}: {output.stat().st_size:,} bytes. The text that it reads first costs {after:.4f} nats per "
        f"character with weights in {config.weights}, {after - before:+.5f} against float32"
    )
    if after - before > MOST_LOSS:
        print(f"warning: --weights={config.weights} costs more than {MOST_LOSS} nats per character", file=sys.stderr)
    if config.open and not webbrowser.open(output.resolve().as_uri()):
        print(f"no browser found here; open {output.resolve().as_uri()}", file=sys.stderr)


def read_text(config: VisualizeConfig, run: Config) -> str:
    """Returns the text that the page reads first, in the form of the training text."""
    texts = TextOptions(text=(config.text,), documents="text", text_encoding=config.text_encoding)
    (document,) = read_texts(texts.find_sources(run))
    text = texts.reader(run).prompt(document.text)
    if len(text) > MOST_TEXT:
        print(
            f"--text={config.text}: the page reads the first {MOST_TEXT:,} of {len(text):,} characters", file=sys.stderr
        )
    return text[:MOST_TEXT]


def held_out_text(trained: TrainedRun, *, by_line: bool) -> str:
    """Returns the beginning of a held-out part, for the first label; "" if it is gone.

    Args:
        trained: the run.
        by_line: whether the page reads each line by itself, as a document.
    """
    try:
        corpus = trained.load_corpus()
    except UserError as error:
        print(f"{error}; the page reads a text that the model writes", file=sys.stderr)
        return ""
    label = next(iter(trained.vocabulary.labels), "")
    for part in reversed(list(corpus.held_out())):
        documents = islice(documents_of_part(corpus, part, label), OWN_DOCUMENTS if by_line else 1)
        text = "".join(document.text + "\n" * by_line for document in documents)
        if text:
            return text[: text.rfind("\n", 0, OWN_TEXT) + 1] or text[:OWN_TEXT]
    return ""


def own_text(model: "LanguageModel", *, seed: int, by_line: bool) -> str:
    """Returns a text that the model writes, or with `by_line` several, one per line."""
    label, text = next(iter(model.vocabulary.labels), ""), ""
    for number in range(OWN_DOCUMENTS):
        (written,) = model.generate([""], chars=OWN_TEXT, seed=seed + number, label=label)
        text += f"{written}\n" if written and by_line else written
        if len(text) >= (OWN_TEXT if by_line else 1):
            break
    return text[: text.rfind("\n", 0, OWN_TEXT) + 1 if by_line else None] or text[:OWN_TEXT]


def loss(model: "LanguageModel", text: str, *, by_line: bool) -> float:
    """Returns the loss of a text in nats per character, read as the page reads it."""
    texts = [line for line in text.split("\n") if line] if by_line else [text]
    scores = [score for score, _ in model.losses(texts, label=next(iter(model.vocabulary.labels), ""))]
    return sum(score.nats for score in scores) / max(sum(score.characters for score in scores), 1)


if __name__ == "__main__":
    command_line.run(main, VisualizeConfig)

"""Measures how well a trained model predicts a text: one pass over all of it, the state carried from start to end.

    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt --json

Nats a character is the mean of -ln p(character | all before it); bits = nats / ln 2; perplexity = exp(nats); perplexity
a word = exp(nats × characters / words), words being runs of characters that aren't white space. The first character
has nothing before it and isn't scored. A character that the model doesn't know is scored as the unknown one.
"""

import dataclasses
import json

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, option
from char_lstm_tf.run_folder import RunFolder
from pipelines import UserError, sources


@dataclasses.dataclass(frozen=True)
class EvaluateConfig(Checked):
    """What to measure."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    text: tuple[str, ...] = option(
        (), "Files, folders (their *.txt) or globs; several follow each other as one text."
    )
    text_encoding: str = option("", "Encoding of --text files, such as latin-1; detected when not given.")
    clean: bool = option(
        True, "Remove Project Gutenberg's headers, footers and licence; --noclean keeps files as they are."
    )
    json: bool = option(False, "Print one JSON object instead of a table.")


def main() -> None:
    """Loads run and text, scores, and prints."""
    config = command_line.read_flags(EvaluateConfig)
    folder = RunFolder.find(config.model)
    found = sources.text_files(config.text, encoding=config.text_encoding, clean=config.clean)
    if not found:
        raise UserError("--text: name the files to measure on, such as --text=book.txt")
    text = "".join(sources.joined(found))
    if len(text) < 2:
        raise UserError(f"--text={found[0].name}: needs at least two characters, the first isn't scored")
    command_line.load_tensorflow()
    from char_lstm_tf.scoring import Scorer  # imports TensorFlow: not before the flags are checked

    model, vocabulary = folder.load()
    report = Scorer(model, vocabulary).score(vocabulary.encode(text)).report()
    if config.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            shown = "-" if value is None else f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"
            print(f"{name.replace('_', ' '):<22}{shown:>18}")


if __name__ == "__main__":
    command_line.run(main, EvaluateConfig)

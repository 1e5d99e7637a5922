"""Writes the vectors of a model's tokens, lists neighbours, and draws a map.

    python -m char_lstm_tf.vectors --model=saved_models/words --output=vectors.txt
    python -m char_lstm_tf.vectors --model=saved_models/words --nearest=king --nearest=Rome
    python -m char_lstm_tf.vectors --model=saved_models/words --picture=map.png --projector=projector

The vectors are those of the embedding. For a recurrent model that reads one-hot vectors, they are the rows of its last
layer, less their mean: tokens that are likely in the same places are near each other. --output has word2vec's text
format, which gensim and others read; a blank in a token is written as the sign ␣, so that " king" is ␣king. --nearest
takes a token with or without its blank. The picture shows the two principal components of the most frequent words, or
of all characters if there are no words. --projector writes a folder for `tensorboard --logdir=FOLDER`, where the
vectors can be turned and searched.
"""

import dataclasses
from pathlib import Path

import numpy as np

from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.pictures import draw_map
from pipelines import UserError, command_line
from pipelines.files import file_of, require_writable
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow
from pipelines.vocabulary import Vocabulary, vectors


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorsConfig(Options):
    """What to do with the vectors."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    output: str = option("", "File to write: all vectors, in word2vec's text format.")
    nearest: tuple[str, ...] = option((), "Print the tokens nearest to this one by cosine. Repeat it for others.")
    count: int = option(10, "How many tokens --nearest prints.", at_least=1)
    picture: str = option("", "PNG file to write: a map of the most frequent tokens.")
    points: int = option(200, "How many tokens the picture shows.", at_least=2)
    projector: str = option("", "Folder to write for TensorBoard's projector.")

    def check(self) -> None:
        """Checks that there is something to do."""
        super().check()
        asked = self.output or self.nearest or self.picture or self.projector
        self.require(bool(asked), "output", "say what to do: --output, --nearest, --picture or --projector")
        require_writable(self, "output", "picture")


def main(config: VectorsConfig) -> None:
    """Loads the run, and writes or prints what was asked for."""
    run = TrainedRun.open(config.model)
    vocabulary = run.vocabulary
    chosen = [find(token, vocabulary) for token in config.nearest]  # a mistake shows before TensorFlow loads
    import_tensorflow()
    from char_lstm_tf.models.build import load

    network = load(run)
    values = network.token_vectors()
    if values is None:
        raise UserError(f"--model={config.model}: it has no vector for each token (--architecture or --bidirectional)")
    for id in chosen:
        print(f"nearest to {vocabulary.tokens[id]!r}:")
        for other, cosine in vectors.nearest(values, id, count=config.count):
            print(f"  {cosine:6.3f}  {vocabulary.tokens[other]!r}")
    names = [vectors.written(token) or "<end>" for token in vocabulary.tokens]
    if config.output:
        with file_of("output", config.output) as path:
            vectors.write(path, names, values)
        print(f"{config.output}: {len(names):,} tokens")
    if config.picture:
        shown = vocabulary.most_frequent(config.points)
        labels = [names[id].lstrip(vectors.BLANK) or vectors.BLANK for id in shown]
        with file_of("picture", config.picture) as path:
            draw_map(vectors.flattened(values[shown]), labels, path)
        print(f"{config.picture}: {len(shown):,} tokens")
    if config.projector:
        with file_of("projector", config.projector) as path:
            write_projector(path, names, values)
        print(f"{config.projector}: {len(names):,} tokens")


def find(token: str, vocabulary: Vocabulary) -> int:
    """Returns the id of a token, which may be typed without the blank before it.

    Raises:
        UserError: the model has no such token.
    """
    for tried in (f" {token}", token):
        if tried in vocabulary.tokens[1:]:
            return vocabulary.tokens.index(tried)
    kind = "word or character" if vocabulary.words else "character"
    raise UserError(f"--nearest={token}: no {kind} of this model; one that is rare in its text has no vector")


def write_projector(folder: Path, names: list[str], values: np.ndarray) -> None:
    """Writes vectors, names and the settings that TensorBoard looks for."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "vectors.tsv", values, fmt="%.6g", delimiter="\t")
    (folder / "names.tsv").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    settings = 'embeddings {\n  tensor_path: "vectors.tsv"\n  metadata_path: "names.tsv"\n}\n'
    (folder / "projector_config.pbtxt").write_text(settings, encoding="utf-8")


if __name__ == "__main__":
    command_line.run(main, VectorsConfig)

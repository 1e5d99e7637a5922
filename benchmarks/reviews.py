"""Labelled sentences: the accuracy of the recipe `reviews`, on a test file or by cross-validation.

    python -m benchmarks.reviews --text=sst2_train.tsv --test=sst2_test.tsv
    python -m benchmarks.reviews --text=cr.tsv --folds=10

The files have a line for each text: its label, a tab, the text. For cross-validation, the lines are shuffled by --seed
and cut into folds. Each is the test of a model that is trained on the others. The mean and the extremes are printed.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_string("text", None, "Table to train on.", required=True)
flags.DEFINE_string("test", "", "Table to test on.")
flags.DEFINE_integer("folds", 10, "Folds, without --test.")
flags.DEFINE_integer("first_folds", 0, "Try only the first of them, to save time. 0: all.")
flags.DEFINE_integer("seed", 1, "Of the folds and of the weights.")
flags.DEFINE_list("recipes", ["reviews", "reviews_counts"], "Recipes. Several are measured alone and together.")


def command(name: str, *words: str) -> str:
    """Returns what a command prints."""
    done = subprocess.run([sys.executable, "-m", f"char_lstm_tf.{name}", *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def measure(training: Path, test: Path, folder: Path) -> dict[str, float]:
    """Returns the accuracy on the test file: of each recipe, and of all together."""
    runs = {}
    for recipe in FLAGS.recipes:
        flagfile = f"--flagfile=char_lstm_tf/flagfiles/{recipe}.flags"
        paths = [f"--text={training}", f"--name={recipe}", f"--output_dir={folder}", "--overwrite", "--quiet"]
        command("train", flagfile, f"--seed={FLAGS.seed}", *paths)
        runs[recipe] = [f"--model={folder}/{recipe}"]
    if len(runs) > 1:
        first, *others = FLAGS.recipes
        runs["together"] = [*runs[first], *(f"--mix={folder}/{recipe}" for recipe in others)]
    tables = ["--documents=rows", "--text_field=2", "--labels=field", "--label_field=1", f"--text={test}", "--json"]
    shown = {name: command("classify", *words, *tables) for name, words in runs.items()}
    return {name: json.loads(lines.splitlines()[-1])["accuracy"] for name, lines in shown.items()}


def main(_: list[str]) -> None:
    """Measures."""
    lines = Path(FLAGS.text).read_text(encoding="utf-8").splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if FLAGS.test:
            found = [measure(Path(FLAGS.text), Path(FLAGS.test), folder)]
        else:
            random.Random(FLAGS.seed).shuffle(lines)
            found = []
            for fold in range(FLAGS.first_folds or FLAGS.folds):
                parts = {
                    "test": lines[fold :: FLAGS.folds],
                    "train": [line for place, line in enumerate(lines) if place % FLAGS.folds != fold],
                }
                for part, kept in parts.items():
                    (folder / f"{part}.tsv").write_text("".join(kept), encoding="utf-8")
                found.append(measure(folder / "train.tsv", folder / "test.tsv", folder))
                print(fold, found[-1], file=sys.stderr, flush=True)
    for recipe in found[0]:
        values = [accuracies[recipe] for accuracies in found]
        print(
            f"{recipe:<16}{statistics.mean(values):.1%} ({min(values):.1%} to {max(values):.1%}, {len(values)} tests)"
        )


if __name__ == "__main__":
    app.run(main)

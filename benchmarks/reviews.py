"""Labelled sentences: the accuracy of recipes, alone and together, on a test file or by cross-validation.

    python -m benchmarks.reviews --text=sst2_train.tsv --test=sst2_test.tsv --seeds=1,2,3
    python -m benchmarks.reviews --text=cr.tsv --folds=10

The files have a line for each text: its label, a tab, the text. For cross-validation, the lines are shuffled and cut
into folds. Each is the test of models that are trained on the others. The mean and the extremes are printed: of each
recipe over its seeds and all folds, of the networks of all seeds together, and of those together with counts.
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
FLAGFILES = Path("char_lstm_tf/flagfiles")

flags.DEFINE_string("text", None, "Table to train on.", required=True)
flags.DEFINE_string("test", "", "Table to test on.")
flags.DEFINE_integer("folds", 10, "Folds, without --test.")
flags.DEFINE_integer("first_folds", 0, "Try only the first of them, to save time. 0: all.")
flags.DEFINE_list("seeds", ["1"], "Of the weights of the networks; the first one also of the folds.")
flags.DEFINE_list("recipes", ["reviews", "reviews_counts"], "Recipes. Several are measured alone and together.")


def command(name: str, *words: str) -> str:
    """Returns what a command prints."""
    done = subprocess.run([sys.executable, "-m", f"char_lstm_tf.{name}", *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def train(recipe: str, seed: str, training: Path, folder: Path) -> Path:
    """Trains a run of a recipe, and returns its folder."""
    run = folder / f"{recipe}_{seed}"
    paths = [f"--text={training}", f"--name={run.name}", f"--output_dir={folder}", "--overwrite", "--quiet"]
    command("train", f"--flagfile={FLAGFILES}/{recipe}.flags", f"--seed={seed}", *paths)
    return run


def measure(training: Path, test: Path, folder: Path) -> dict[str, list[float]]:
    """Returns the accuracies on the test file: of each recipe a number for each seed, and of several runs together."""
    found: dict[str, list[float]] = {}
    networks: list[Path] = []
    counted: list[Path] = []
    for recipe in FLAGS.recipes:
        counts = "--architecture=counts" in (FLAGFILES / f"{recipe}.flags").read_text(encoding="utf-8")
        seeds = FLAGS.seeds[:1] if counts else FLAGS.seeds  # no seed changes counts
        runs = [train(recipe, seed, training, folder) for seed in seeds]
        found[recipe] = [accuracy([run], test) for run in runs]
        (counted if counts else networks).extend(runs)
    if len(networks) > 1:
        found["networks together"] = [accuracy(networks, test)]
    if networks and counted:
        found["each with counts"] = [accuracy([run, *counted], test) for run in networks]
    if len(networks) > 1 and counted:
        found["all together"] = [accuracy([*networks, *counted], test)]
    return found


def accuracy(runs: list[Path], test: Path) -> float:
    """Returns the share of the texts of `test` to which the runs together give the right label."""
    first, *others = runs
    tables = ["--documents=rows", "--text_field=2", "--labels=field", "--label_field=1", f"--text={test}", "--json"]
    shown = command("classify", f"--model={first}", *(f"--mix={run}" for run in others), *tables)
    return json.loads(shown.splitlines()[-1])["accuracy"]


def main(_: list[str]) -> None:
    """Measures."""
    lines = Path(FLAGS.text).read_text(encoding="utf-8").splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if FLAGS.test:
            found = [measure(Path(FLAGS.text), Path(FLAGS.test), folder)]
        else:
            random.Random(int(FLAGS.seeds[0])).shuffle(lines)
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
    for row in found[0]:
        values = [value for accuracies in found for value in accuracies[row]]
        print(f"{row:<20}{statistics.mean(values):.1%} ({min(values):.1%} to {max(values):.1%}, {len(values)} tests)")


if __name__ == "__main__":
    app.run(main)

"""Labelled sentences: how well recipes, alone and together, and a linear model tell their labels.

    python -m benchmarks.reviews --text=sst2_train.tsv --test=sst2_test.tsv --seeds=1,2,3
    python -m benchmarks.reviews --text=cr.tsv --folds=10
    python -m benchmarks.reviews --text=trec_train.tsv --test=trec_test.tsv --seeds=1,2,3 --rare=ENTY --share=0.1

The files have a line for each text: its label, a tab, the text. For cross-validation, the lines are shuffled and cut
into folds. Each is the test of models that are trained on the others. The mean and the extremes of accuracy and macro
F1 are printed: of each recipe over its seeds and all folds, of the networks of all seeds together, and of those
together with counts. With --rare, most training texts of a label are left out, others for each seed, and the whole test
file is used, with each of the prior probabilities that `classify --priors` knows.

The linear models are scikit-learn's linear SVMs, with the classes balanced and C from 0.1, 0.3 and 1 by a threefold
cross-validation of the training texts. `SVM of words` has TF-IDF of words and pairs of words, 1 + log of their counts;
`SVM of words and pieces` has words, pairs and triples, and pieces of words of two to five characters. `NB-SVM` has the
presence of words and pairs, each times its log-count ratio of naive Bayes, for each label against the others (Wang and
Manning, "Baselines and Bigrams", 2012). `--recipes=` measures these alone, and `--nolinear_models` leaves them out.
"""

import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from absl import app, flags
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC

from char_lstm_tf.inference.calibration import PRIORS
from char_lstm_tf.inference.ensemble import Ensemble
from char_lstm_tf.runs.trained import TrainedRun

FLAGS = flags.FLAGS
FLAGFILES = Path("char_lstm_tf/flagfiles")

flags.DEFINE_string("text", None, "Table to train on.", required=True)
flags.DEFINE_string("test", "", "Table to test on.")
flags.DEFINE_integer("folds", 10, "Folds, without --test.")
flags.DEFINE_integer("first_folds", 0, "Try only the first of them, to save time. 0: all.")
flags.DEFINE_list("seeds", ["1"], "Of the weights of the networks; the first one also of the folds.")
flags.DEFINE_list("recipes", ["reviews", "reviews_counts"], "Recipes. Several are measured alone and together.")
flags.DEFINE_bool("linear_models", True, "Measure the linear models, too.")
flags.DEFINE_string("rare", "", "Label that is made rare in training.")
flags.DEFINE_float("share", 0.1, "Share of the rare label among the training texts.", 0, 1)


@dataclass(frozen=True)
class Result:
    """How well the labels of a test are told."""

    accuracy: float
    macro_f1: float

    @classmethod
    def of(cls, true: Sequence[str], predicted: Sequence[str]) -> "Result":
        """Returns it from the labels of each text."""
        return cls(accuracy_score(true, predicted), f1_score(true, predicted, average="macro"))


def train(recipe: str, seed: str, training: Path, folder: Path) -> Path:
    """Trains a run of a recipe, and returns its folder."""
    run = folder / f"{recipe}_{seed}"
    paths = [f"--text={training}", f"--name={run.name}", f"--output_dir={folder}", "--overwrite", "--quiet"]
    words = [f"--flagfile={FLAGFILES}/{recipe}.flags", f"--seed={seed}", *paths]
    subprocess.run([sys.executable, "-m", "char_lstm_tf.train", *words], stdout=subprocess.DEVNULL, check=True)
    return run


def measure(training: Path, test: Path, folder: Path, seeds: Sequence[str]) -> dict[str, list[Result]]:
    """Returns the results on the test file: of each recipe one for each seed, and of several runs together."""
    models = linear_models() if FLAGS.linear_models else {}
    found = {name: [linear(model, training, test)] for name, model in models.items()}
    networks: list[Path] = []
    counted: list[Path] = []
    for recipe in filter(None, FLAGS.recipes):
        counts = "--architecture=counts" in (FLAGFILES / f"{recipe}.flags").read_text(encoding="utf-8")
        runs = [train(recipe, seed, training, folder) for seed in (seeds[:1] if counts else seeds)]
        (counted if counts else networks).extend(runs)  # no seed changes counts
    together: dict[str, list[list[Path]]] = {}
    for run in [*networks, *counted]:
        together.setdefault(run.name.rpartition("_")[0], []).append([run])
    if len(networks) > 1:
        together["networks together"] = [networks]
    if networks and counted:
        together["each with counts"] = [[run, *counted] for run in networks]
    if len(networks) > 1 and counted:
        together["all together"] = [[*networks, *counted]]
    for name, several in together.items():
        for runs in several:
            for priors, result in classify(runs, test).items():
                found.setdefault(f"{name}, {priors} priors" if FLAGS.rare else name, []).append(result)
    return found


def classify(runs: list[Path], test: Path) -> dict[str, Result]:
    """Returns how well the runs together tell the labels of `test`, with each of some prior probabilities."""
    ensemble = Ensemble(list(map(TrainedRun.open, runs)))
    true, rows = zip(*(line.split("\t", 1) for line in read(test)), strict=True)
    texts, found = [ensemble.models[0].reader.prompt(text) for text in rows], {}
    for priors in PRIORS if FLAGS.rare else ["training"]:
        chosen = ensemble.classify(texts, priors=priors).probabilities.argmax(axis=1)
        found[priors] = Result.of(true, [ensemble.labels[label] for label in chosen])
    return found


class LogCountRatios(TransformerMixin, BaseEstimator):
    """Multiplies each column of counts with its log-count ratio, ln(p/|p| / (q/|q|)), for one label against another."""

    def fit(self, counts: csr_matrix, labels: np.ndarray) -> Self:
        """Finds the ratios of two labels, with one added to each count."""
        sums = [np.asarray(counts[labels == label].sum(axis=0)).ravel() + 1 for label in np.unique(labels)]
        self.ratios_ = np.log(sums[-1] / sums[-1].sum()) - np.log(sums[0] / sums[0].sum())
        return self

    def transform(self, counts: csr_matrix) -> csr_matrix:
        """Returns the products."""
        return counts.multiply(self.ratios_).tocsr()


def linear_models() -> dict[str, Pipeline]:
    """Returns the linear models, by name."""
    words = partial(TfidfVectorizer, token_pattern=r"\S+", sublinear_tf=True)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    presence = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), binary=True)
    svm = partial(LinearSVC, class_weight="balanced")
    return {
        "SVM of words": make_pipeline(words(ngram_range=(1, 2)), with_best_c(svm())),
        "SVM of words and pieces": make_pipeline(make_union(words(ngram_range=(1, 3)), pieces), with_best_c(svm())),
        "NB-SVM": make_pipeline(presence, OneVsRestClassifier(make_pipeline(LogCountRatios(), with_best_c(svm())))),
    }


def with_best_c(model: LinearSVC) -> GridSearchCV:
    """Returns a model that chooses its C."""
    return GridSearchCV(model, {"C": (0.1, 0.3, 1.0)}, cv=3)


def linear(model: Pipeline, training: Path, test: Path) -> Result:
    """Returns how well a linear model tells the labels of `test`."""
    rows, tests = ([line.split("\t", 1) for line in read(path)] for path in (training, test))
    model.fit([text for _, text in rows], np.array([label for label, _ in rows]))
    return Result.of([label for label, _ in tests], model.predict([text for _, text in tests]))


def read(path: Path) -> list[str]:
    """Returns the lines of a table."""
    return path.read_text(encoding="utf-8").splitlines()


def with_rare_label(lines: list[str], seed: str) -> list[str]:
    """Returns the lines without most of those of the rare label."""
    rare = [line for line in lines if line.startswith(f"{FLAGS.rare}\t")]
    others = [line for line in lines if not line.startswith(f"{FLAGS.rare}\t")]
    chance = random.Random(seed)
    kept = others + chance.sample(rare, max(round(len(others) * FLAGS.share / (1 - FLAGS.share)), 1))
    chance.shuffle(kept)
    return kept


def splits(lines: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Yields the lines for training, those for the test, and the seeds of the networks."""
    if FLAGS.test and FLAGS.rare:
        for seed in FLAGS.seeds:
            yield with_rare_label(lines, seed), read(Path(FLAGS.test)), [seed]
    elif FLAGS.test:
        yield lines, read(Path(FLAGS.test)), FLAGS.seeds
    else:
        random.Random(int(FLAGS.seeds[0])).shuffle(lines)
        for fold in range(FLAGS.first_folds or FLAGS.folds):
            training = [line for place, line in enumerate(lines) if place % FLAGS.folds != fold]
            yield training, lines[fold :: FLAGS.folds], FLAGS.seeds


def main(_: list[str]) -> None:
    """Measures."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for training, test, seeds in splits(read(Path(FLAGS.text))):
            for part, lines in {"train": training, "test": test}.items():
                (folder / f"{part}.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            found.append(measure(folder / "train.tsv", folder / "test.tsv", folder, seeds))
            print(len(found), found[-1], file=sys.stderr, flush=True)
    for row in found[0]:
        results = [result for each in found for result in each[row]]
        shown = [[result.accuracy for result in results], [result.macro_f1 for result in results]]
        columns = [f"{statistics.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})" for values in shown]
        print(f"{row:<40}accuracy {columns[0]}, macro F1 {columns[1]}, {len(results)} tests")


if __name__ == "__main__":
    app.run(main)

"""A run of the linear model by itself: fitted, calibrated without having seen the scored documents, and used."""

import numpy as np
import pytest
import tensorflow as tf

import char_lstm_tf
from char_lstm_tf import sample, visualize
from char_lstm_tf.inference.ensemble import Ensemble
from char_lstm_tf.inference.scoring import LabelScorer
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.labels import measure_labels
from char_lstm_tf.training.linear_run import FOLDS, LinearRun, folds_of
from char_lstm_tf.training.train import train
from pipelines import UserError

WORDS = {"hill": "stone path peak goat cloud", "river": "water boat bank stream reed"}


def sentences(label, count, seed):
    chance = np.random.default_rng([seed, len(label)])
    return [" ".join(chance.choice(WORDS[label].split(), 4)) for _ in range(count)]


def plan_of(folder, rows, **options):
    """Returns the plan of a run on rows, each a label and a text."""
    (folder / "rows.tsv").write_text("".join(f"{label}\t{text}\n" for label, text in rows))
    flags = {"documents": "rows", "text_field": "2", "labels": "field", "label_field": "1", "quiet": True}
    folders = {"output_dir": str(folder), "data_dir": str(folder), "text": (f"{folder}/rows.tsv",)}
    linear = {"architecture": "linear", "target": "label", "name": "linear"}
    return plan_run(**flags | folders | linear | options)


def fitted(folder, rows):
    """Returns the run and its text; all rows are for training."""
    plan = plan_of(folder, rows, split=(1.0, 0.0, 0.0))
    text = prepare_text(plan)
    return LinearRun(plan, text, plan.config.settings.model), text


def test_each_fold_leaves_texts_of_each_label_for_fitting():
    labels = np.array([2, 0, 0, 1, 1, 1, 1, 2, 1, 1, 1, *[3] * 23])
    folds = folds_of(labels)
    for fold in range(FOLDS):
        assert set(labels[folds != fold]) == {0, 1, 2, 3}
    assert max(np.bincount(folds[labels == 3])) == 5


def test_texts_for_the_calibration_are_scored_by_models_that_have_not_seen_them(tmp_path):
    """Of labels that are drawn, nothing can be learnt but the texts themselves."""
    chance = np.random.default_rng(0)
    rows = [(str(chance.choice(["a", "b"])), "".join(chance.choice(list("abcdefgh "), 30))) for _ in range(100)]
    run, text = fitted(tmp_path, rows)
    own = run.left_out.passages.labels
    known = LabelScorer(run.best, text.vocabulary).losses_per_label([text.vocabulary.encode(row) for _, row in rows])
    found = [text.vocabulary.labels[losses[0].argmin()] for losses in known]
    assert np.mean([label == own for label, (own, _) in zip(found, rows, strict=True)]) > 0.99
    assert len(own) == 100
    assert 0.25 < np.mean(run.left_out.nats.argmin(axis=1) == own) < 0.75
    assert measure_labels(run.best, text, {}, run.left_out).scale > 3  # so its answers are hardly surer than chance


def test_the_only_document_of_a_label_is_halved(tmp_path):
    rows = [("hill", text) for text in sentences("hill", 8, 1)] + [("river", " ".join(sentences("river", 30, 1)))]
    run, text = fitted(tmp_path, rows)
    assert list(run.left_out.passages.unit_labels).count(text.vocabulary.labels.index("river")) == 2
    assert np.isfinite(run.left_out.nats).all()
    right = run.left_out.nats.argmin(axis=1) == run.left_out.passages.labels
    assert right.mean() > 0.9


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A linear run and one of counts, on the same rows."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [(label, text) for label in WORDS for text in sentences(label, 100, 1)]
    plans = [
        plan_of(folder, rows, split=(0.8, 0.1, 0.1)),
        plan_of(folder, rows, split=(0.8, 0.1, 0.1), architecture="counts", target="sequence", order=3, name="counts"),
    ]
    return folder, [train(plan).facts() for plan in plans]


@pytest.mark.slow  # two runs and an export
def test_a_run_is_measured_exported_and_mixed_with_counts(runs):
    folder, (metrics, _) = runs
    texts = [text for label in WORDS for text in sentences(label, 10, 2)]
    assert metrics["test"]["accuracy"] > 0.95
    assert metrics["calibration"]["passages"] > 100
    model = char_lstm_tf.load(folder / "linear")
    found = model.classify(texts)
    assert [next(iter(row)) for row in found] == ["hill"] * 10 + ["river"] * 10
    served = tf.saved_model.load(str(folder / "linear" / "1")).signatures["classify"](text=tf.constant(texts))
    expected = [[row[label] for label in WORDS] for row in found]
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-5)
    both = Ensemble([TrainedRun.open(folder / name) for name in ("linear", "counts")]).classify(texts)
    assert list(both.probabilities.argmax(axis=1)) == [0] * 10 + [1] * 10
    assert "A linear model of words" in (folder / "linear" / "README.md").read_text()


@pytest.mark.slow
def test_what_it_cannot_do_is_refused_in_a_sentence(runs):
    folder, _ = runs
    model = str(folder / "linear")
    with pytest.raises(UserError, match=r"^--model=.*architecture=linear\); a page is of a recurrent model of text$"):
        visualize.main(visualize.VisualizeConfig(model=model, output=str(folder / "page.html")))
    with pytest.raises(UserError, match="can't write or score"):
        sample.main(sample.SampleConfig(model=model))
    with pytest.raises(UserError, match=r"^--init_from=.*has no effect with --architecture=linear"):
        plan_of(folder, [("hill", "stone")], name="more", init_from=model)

"""Labels with unequal amounts of text: calibrated on held-out texts, and told on equal terms."""

import numpy as np
import pytest

from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.measures import beats_shares, report, verdict
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.training.counting import CountingRun
from char_lstm_tf.training.labels import measure_labels

SYLLABLES = [first + second for first in "bdgklmnprst" for second in "aeiou"]


def made_up_text(author, seed, *, words=400):
    """Returns a text of words that all authors use, some of which each uses more often."""
    chance = np.random.default_rng(7)
    lexicon = ["".join(chance.choice(SYLLABLES, chance.integers(1, 4))) for _ in range(600)]
    common = 1 / np.arange(1, 601) ** 0.9
    own = np.random.default_rng(sum(map(ord, author))).permutation(common)
    shares = 0.7 * common / common.sum() + 0.3 * own / own.sum()
    return " ".join(np.random.default_rng([seed, len(author)]).choice(lexicon, words, p=shares))


def count(folder, amounts, **options):
    """Returns the model of a run of counts, without what a run writes."""
    for author, amount in amounts.items():
        (folder / "texts" / author).mkdir(parents=True)
        for number in range(amount):
            (folder / "texts" / author / f"{number}.txt").write_text(made_up_text(author, number))
    plan = plan_run(
        text=(f"{folder}/texts",),
        documents="files",
        labels="folder",
        architecture="counts",
        order=5,
        name="run",
        output_dir=str(folder),
        data_dir=f"{folder}/data",
        quiet=True,
        **({"split": (1.0, 0.0, 0.0)} | options),
    )
    text = prepare_text(plan)
    run = CountingRun(plan, text)
    calibration = measure_labels(run.best, text, {}, run.left_out)
    return LanguageModel(run.best, text.vocabulary, calibration=calibration)


def report_of(model, **options):
    """Returns the report on ten new texts of each author."""
    labels = list(model.vocabulary.labels)
    texts = [(author, made_up_text(author, 1000 + number)) for author in labels for number in range(10)]
    answers = model.classify([text for _, text in texts], **options)
    probabilities = np.array([[answer[label] for label in labels] for answer in answers])
    return report(probabilities, np.array([labels.index(author) for author, _ in texts]), labels)


@pytest.mark.parametrize("split", [(1.0, 0.0, 0.0), pytest.param((0.9, 0.1, 0.0), marks=pytest.mark.slow)])
def test_an_author_with_a_fifth_of_the_text_is_recognized(tmp_path, split):
    model = count(tmp_path, {"karo": 40, "milene": 8}, split=split)
    found = report_of(model)
    assert found["accuracy"] >= 0.9
    assert found["expected_calibration_error"] < 0.15
    assert model.calibration.passages >= 40  # all documents for training, not those of the validation part


@pytest.mark.slow
def test_an_author_of_a_single_text_is_learnt_and_calibrated(tmp_path):
    model = count(tmp_path, {"karo": 6, "milene": 1}, split=(0.8, 0.2, 0.0))
    assert report_of(model, priors="equal")["accuracy"] >= 0.8
    assert len(model.calibration.offsets) == 2


def test_a_text_by_nobody_of_these_has_an_unusual_loss(tmp_path):
    model = count(tmp_path, {"karo": 20, "milene": 20})
    stranger = " ".join(np.random.default_rng(5).choice(list("qwxyz"), 300))
    (own, other), characters = model.losses_per_label([made_up_text("karo", 999), stranger])
    typical = model.calibration.typical_losses
    assert typical.quantile(own[0], characters[0], 0) < 0.99
    assert typical.quantile(other[0], characters[1], 0) == 1.0


def test_labels_that_say_nothing_are_said_to_say_nothing(tmp_path):
    for label in ("one", "two"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        for number in range(12):
            text = made_up_text("karo", number if label == "one" else number + 50, words=60)
            (tmp_path / "texts" / label / f"{number}.txt").write_text(text)
    model = count(tmp_path, {})
    found = model.calibration.report
    assert not beats_shares(found)
    assert "no better than the shares of the labels" in verdict(found)
    told = count(tmp_path / "told", {"karo": 12, "milene": 12}).calibration.report
    assert beats_shares(told)

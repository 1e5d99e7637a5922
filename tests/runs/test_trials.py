import collections
import math
import random

import pytest

from char_lstm_tf.runs.trials import Dimension, Rung, config_of, reason_of, rungs, settings_of
from pipelines import UserError


def drawn(vary, trials=400):
    dimension, chance = Dimension.parse(vary), random.Random(0)
    return [dimension.draw(chance) for _ in range(trials)]


def test_a_range_is_drawn_evenly_and_one_with_log_by_factors():
    values = [float(value) for value in drawn("dropout=0.1..0.5")]
    assert 0.1 <= min(values) < 0.11
    assert 0.49 < max(values) <= 0.5
    assert sum(values) / len(values) == pytest.approx(0.3, abs=0.02)
    logs = [math.log10(float(value)) for value in drawn("learning_rate=log:1e-4..1e-2")]
    assert -4 <= min(logs) < max(logs) <= -2
    assert sum(logs) / len(logs) == pytest.approx(-3, abs=0.1)


def test_flags_of_whole_numbers_get_whole_numbers_and_both_ends():
    assert set(drawn("window=3..6")) == {"3", "4", "5", "6"}
    assert set(drawn("window=log:1..4")) == {"1", "2", "3", "4"}


def test_choices_are_equally_likely_and_may_have_commas():
    counts = collections.Counter(drawn("units=64,64|128"))
    assert set(counts) == {"64,64", "128"}
    assert min(counts.values()) > 150


def test_the_first_trials_dont_depend_on_how_many_there_are():
    assert settings_of("dropout=0..0.5 cell=lstm|gru", 9, seed=4)[:3] == settings_of(
        "dropout=0..0.5 cell=lstm|gru", 3, seed=4
    )
    assert settings_of("dropout=0..0.5", 3, seed=4) != settings_of("dropout=0..0.5", 3, seed=5)


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ("cell=lstm|gru units=8|8,8", [("gru", "8"), ("gru", "8,8"), ("lstm", "8"), ("lstm", "8,8")]),
        ("window=9..11", [("10",), ("11",), ("9",)]),
        ("learning_rate=0.01|1e-2|0.1", [("0.01",), ("0.1",)]),
        ("dropout=0.1..0.1001", [("0.1",), ("0.1001",)]),  # flags have four digits
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_no_setting_is_drawn_twice_and_of_few_settings_all_are_drawn(vary, expected, seed):
    found = [tuple(settings.values()) for settings in settings_of(vary, 50, seed=seed)]
    assert sorted(found) == expected
    few = settings_of(vary, 2, seed=seed)
    assert [tuple(settings.values()) for settings in few] == found[:2]


@pytest.mark.parametrize(
    ("status", "log", "reason"),
    [
        (1, "40 characters\npython -m char_lstm_tf.train: --window=9: too long\n", "--window=9: too long"),
        (3, "python -m char_lstm_tf.train: diverged: NaN; lower it\n", "diverged: NaN; lower it"),
        (1, "Traceback …\n  File x\nValueError: 3: not 4\n\n", "ValueError: 3: not 4"),
        (1, "Traceback …\n  File x\nMemoryError\n", "MemoryError"),
        (
            1,
            "a.b.ResourceExhaustedError: {{node g}} OOM in f\n\nDetected at node x\n [Op:f]\n",
            "ResourceExhaustedError: OOM in f",
        ),
        (7, "some words\n", "some words"),
        (7, "", "ended with status 7 and printed nothing"),
        (-9, "Epoch 1\n", "killed by SIGKILL, perhaps for lack of memory"),
        (-6, "Epoch 1\n", "killed by SIGABRT"),
    ],
)
def test_the_reason_of_a_failure_is_its_error_in_one_line(status, log, reason):
    assert reason_of(status, log) == reason


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("", "name at least one flag"),
        ("dropout=0..0.5 dropout=0.1|0.2", "each once"),
        ("dropout", "write flag=values"),
        ("droput=0..1", "write flag=values"),
        ("text=a|b", "with a flag of the batches, the model or the training"),
        ("name=a|b", "write flag=values"),
        ("dropout=0.5..0.1", "from a lower to a higher number"),
        ("dropout=a..b", "a range is two numbers"),
        ("dropout=log:0..0.5", "from above 0"),
        ("cell=1..2", "a range goes"),
        ("dropout=0..1..2", "a range is two numbers"),
    ],
)
def test_what_isnt_a_flag_with_values_is_refused(vary, message):
    with pytest.raises(UserError, match=message):
        settings_of(vary, 3, seed=0)


def test_rounds_keep_one_in_so_many_and_train_them_for_so_many_times_the_steps():
    shares = [Rung(30, 1 / 27), Rung(10, 1 / 9), Rung(3, 1 / 3), Rung(1, 1)]
    assert [rung.trials for rung in rungs(30, halving=3)] == [rung.trials for rung in shares]
    assert [rung.share for rung in rungs(30, halving=3)] == pytest.approx([rung.share for rung in shares])
    assert rungs(30, halving=1) == [Rung(30, 1)]
    assert rungs(2, halving=3) == [Rung(2, 1)]


def test_a_trial_has_the_flags_of_the_search_its_own_and_its_share_of_the_steps():
    given = {"epochs": 9, "max_steps": 100, "dropout": 0.1, "name": "search"}
    config = config_of(given, {"dropout": "0.25", "units": "8,8"}, Rung(3, 1 / 3), folder="runs/search", name="1-001")
    assert (config.dropout, config.units, config.epochs, config.max_steps) == (0.25, (8, 8), 3, 33)
    assert (config.output_dir, config.name) == ("runs/search", "1-001")
    assert config_of(given, {}, Rung(3, 1 / 300), folder="f", name="x").epochs == 1
    with pytest.raises(UserError, match="--dropout=1"):
        config_of(given, {"dropout": "1"}, Rung(1, 1), folder="f", name="x")

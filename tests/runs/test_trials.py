import collections
import math

import pytest

from char_lstm_tf.runs.trials import Rung, config_of, rungs, settings_of
from pipelines import UserError


def drawn(vary, trials=400):
    (name,) = {name for settings in settings_of(vary, 1, seed=0) for name in settings}
    return [settings[name] for settings in settings_of(vary, trials, seed=0)]


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

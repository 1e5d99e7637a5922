import json
import math
import re
import shutil
from dataclasses import astuple

import numpy as np
import pytest
from conftest import command, verse

import char_lstm_tf
from char_lstm_tf.inference.language_model import ROWS, LanguageModel
from char_lstm_tf.inference.writing import Sampling
from char_lstm_tf.inference.writing.writer import cut_at_stops
from char_lstm_tf.models.build import load
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError


def rows(pieces, stops):
    return ["".join(row) for row in zip(*cut_at_stops(iter(pieces), stops), strict=True)]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_a_row_ends_before_the_first_stop_wherever_the_pieces_part(size):
    text = "to be, or not to be: that is the question"
    pieces = [[text[start : start + size]] for start in range(0, len(text), size)]
    assert rows(pieces, ["or", "not"]) == ["to be, "]
    assert rows(pieces, ["be:"]) == ["to be, or not to "]
    assert rows(pieces, ["or not to be?", "t to"]) == ["to be, or no"]  # what looked like the other goes on
    assert rows(pieces, ["or not to be", "t to"]) == ["to be, or no"]  # began later, complete earlier
    assert rows(pieces, ["question!"]) == [text]
    assert rows(pieces, []) == [text]


def test_rows_stop_each_by_itself_and_the_model_when_all_have():
    pieces = iter([["ab", "xy"], ["c.", "zz"], ["no", "w."], ["never", "asked"]])
    texts = ["".join(row) for row in zip(*cut_at_stops(pieces, ["."]), strict=True)]
    assert texts == ["abc", "xyzzw"]
    assert next(pieces) == ["never", "asked"]


def test_without_stops_nothing_is_held_back():
    pieces = cut_at_stops(iter([["ab"], ["cd"]]), [])
    assert next(pieces) == ["ab"]


@pytest.fixture(scope="module")
def model(trained) -> LanguageModel:
    return char_lstm_tf.load(trained)


def test_a_model_says_what_it_is(model):
    parameters, characters = model.network.keras_model.count_params(), len(model.vocabulary) - 1
    assert repr(model) == f"LanguageModel(Recurrent, {parameters:,} parameters, {characters} characters)"


@pytest.mark.slow
def test_texts_are_those_of_the_command_for_each_prompt_and_seed(model, trained):
    prompts = ["The ", "", "a" * 700, "The "]
    texts = model.generate(prompts, chars=130, temperature=0.9, top_k=9, seed=7)
    flags = [f"--model={trained}", "--chars=130", "--temperature=0.9", "--top_k=9", "--json"]
    done = command("char_lstm_tf.sample", *flags, f"--prompt={prompts[3]}", f"--seed={7 + 3}")
    assert json.loads(done.stdout)["text"] == texts[3]
    for row, prompt in enumerate(prompts):
        assert model.generate([prompt], chars=130, temperature=0.9, top_k=9, seed=7 + row) == [texts[row]]
    assert texts[0] != texts[3]


def test_any_number_of_prompts_is_written_and_each_as_if_alone(model):
    prompts = [chr(97 + row % 26) for row in range(ROWS + 3)]
    texts = model.generate(prompts, chars=20, seed=1)
    assert [len(text) for text in texts] == [20] * len(prompts)
    assert model.generate([prompts[-1]], chars=20, seed=1 + len(prompts) - 1) == [texts[-1]]
    assert model.generate([]) == []
    assert model.generate(["a"], chars=0) == [""]


def test_without_a_seed_texts_differ_and_a_stop_ends_them(model):
    assert model.generate(["a"], chars=60) != model.generate(["a"], chars=60)
    whole = model.generate(["a"], chars=60, seed=3)[0]
    assert model.generate(["a"], chars=60, seed=3, stop=[whole[30:33]])[0] == whole[: whole.index(whole[30:33])]


def test_scores_are_those_of_evaluate(model, trained, tmp_path):
    texts = [verse(5, seed=1), verse(1, seed=2) + "☃", verse(30, seed=3)]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
    done = command("char_lstm_tf.evaluate", f"--model={trained}", f"--text={tmp_path}", "--json")
    *files, _ = map(json.loads, done.stdout.splitlines())
    for score, file in zip(model.score(texts), files, strict=True):
        assert score.report() == pytest.approx({name: file[name] for name in score.report()}, rel=1e-6)
        assert score.nats_per_char == pytest.approx(file["nats_per_char"])
        assert score.bits_per_char == pytest.approx(file["bits_per_char"])


def test_texts_without_a_second_character_cost_nothing(model):
    empty, one, two = model.score(["", "T", "Th"])
    assert [score.characters for score in (empty, one, two)] == [0, 0, 1]
    assert (empty.nats_per_char, one.nats_per_char) == (0, 0)
    assert two.nats > 0
    assert model.score([]) == []


def test_next_characters_are_what_greedy_text_takes_and_what_scores_say(model):
    prompts = ["The old riv", "", "q" * 300]
    found = model.next_char(prompts, k=4)
    greedy = model.generate(prompts, chars=1, temperature=0)
    assert [candidates[0][0] for candidates in found] == greedy
    for prompt, candidates in zip(prompts, found, strict=True):
        probabilities = [probability for _, probability in candidates]
        assert probabilities == sorted(probabilities, reverse=True)
        before = prompt or "\n"
        for character, probability in candidates:
            longer, shorter = (model.score([text])[0].nats for text in (before + character, before))
            # The unknown character is left out of the candidates, which changes their sum by very little.
            assert np.exp(shorter - longer) == pytest.approx(probability, rel=0.05)
    every = model.next_char(["The "], k=1000)[0]
    assert len(every) == len(model.vocabulary) - 1
    assert sum(probability for _, probability in every) == pytest.approx(1, abs=1e-5)


REFUSED = {
    "chars": [-1, 5.5, "9", True, 2**31],
    "temperature": [-0.1, 1e39, math.nan, "0.5", None, True],
    "top_k": [-1, 3_000_000_000, 2.0, None],
    "top_p": [0, 1.1, "1", None],
    "seed": [2**63, -(2**63) - 1, 1.0, "1"],
    "stop": [[""], "END", b"END", [1], [b"END"], None],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in REFUSED for value in REFUSED[name]])
def test_an_argument_of_another_type_or_out_of_range_is_named(model, name, value):
    with pytest.raises(UserError, match=re.escape(f"{name}={value!r}: must be ")):
        model.generate(["a"], **{name: value})


@pytest.mark.parametrize("texts", ["The old", b"The old", [b"The old"], [1], 1])
def test_texts_that_are_no_list_of_texts_are_refused(model, texts):
    for name, use in (("prompts", model.generate), ("prompts", model.next_char), ("texts", model.score)):
        with pytest.raises(UserError, match=re.escape(f"{name}={texts!r}: must be a list of str")):
            use(texts)


def test_numbers_of_numpy_are_numbers():
    given = Sampling(temperature=np.float32(0.5), top_k=np.int64(3), top_p=1, seed=np.int32(4), stop=["a"])
    assert given == Sampling(temperature=0.5, top_k=3, top_p=1.0, seed=4, stop=("a",))
    assert all(type(value) is kind for value, kind in zip(astuple(given), (float, int, float, int, tuple), strict=True))


def test_every_row_has_a_seed_of_its_own_and_all_fit_in_64_bits():
    assert [row.seed for row in Sampling(seed=7).for_rows(3, first=2)] == [9, 10, 11]
    assert Sampling(seed=2**63 - 2).for_rows(2)[-1].seed == 2**63 - 1
    with pytest.raises(UserError, match="seed=9223372036854775806: must be less by 1, so that every text has a seed"):
        Sampling(seed=2**63 - 2).for_rows(3)


def test_a_model_with_a_weight_that_is_not_finite_is_refused(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    loaded = load(TrainedRun.open(tmp_path / "run")).keras_model
    loaded.layers[-1].bias.assign(np.full(loaded.layers[-1].bias.shape, np.nan))
    loaded.save(tmp_path / "run" / "model.keras")
    with pytest.raises(UserError, match="a weight is NaN or infinite"):
        char_lstm_tf.load(tmp_path / "run")


def test_no_run_is_an_error_that_says_what_to_give(tmp_path):
    with pytest.raises(UserError, match="no such folder; give a run's folder"):
        char_lstm_tf.load(tmp_path / "nowhere")


def test_the_name_of_a_run_alone_is_answered_with_its_folder(trained, tmp_path, monkeypatch):
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "mine").symlink_to(trained)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"--model=mine: no such folder; did you mean --model=saved_models/mine\?"):
        char_lstm_tf.load("mine")


def test_texts_take_the_form_of_the_training_text(model):
    assert model.generate(["The\r\nold "], chars=20, seed=1) == model.generate(["The\nold "], chars=20, seed=1)
    assert model.next_char(["\ufeffThe"]) == model.next_char(["The"])
    assert model.score(["The\r\nold"]) == model.score(["The\nold"])

import json

import pytest
from conftest import command

from char_lstm_tf.sample import SampleConfig
from pipelines import UserError


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"prompt": "a", "prompt_file": "b"}, "--prompt_file=b: give it or --prompt, not both"),
        ({"stop": ("",)}, "--stop=: must not be empty"),
        ({"beam": -1}, "--beam=-1: must be at least 0 and at most 1000"),
        ({"beam": 3, "stop": (".",)}, "--stop=.: --beam finds the likeliest texts of --chars"),
        ({"beam": 3, "seed": 0}, "--seed=0: --beam finds the likeliest texts"),
        ({"beam": 3, "chars": 0}, "--chars=0: must be at least 1 with --beam"),
        ({"beam": 3, "num_samples": 4}, "--num_samples=4: must be at most --beam=3"),
    ],
)
def test_mistakes_name_the_flag(flags, message):
    with pytest.raises(UserError, match=message):
        SampleConfig(**flags)


def test_a_prompt_file_is_read_as_it_is(tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text("a\n☃ ", encoding="utf-8")
    assert SampleConfig(prompt_file=str(file)).read_prompt() == "a\n☃ "
    file.write_bytes(b"\xff")
    with pytest.raises(UserError, match="not UTF-8"):
        SampleConfig(prompt_file=str(file)).read_prompt()
    with pytest.raises(UserError, match=r"No such file or directory; name another file"):
        SampleConfig(prompt_file=str(tmp_path / "none")).read_prompt()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model=nowhere"], "--model=nowhere: no such folder"),
        (["--model=tests"], "--model=tests: not a trained run, it has no flags.txt"),
        (["--model="], "--model="),
        (["--temperature=-1"], "--temperature=-1.0: must be at least 0"),
    ],
)
def test_mistakes_are_found_before_tensorflow_is_imported(words, message):
    done = command("char_lstm_tf.sample", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def sample(trained, *words):
    done = command("char_lstm_tf.sample", f"--model={trained}", "--chars=80", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_json_has_a_line_for_each_text(trained, tmp_path):
    (tmp_path / "prompt").write_text("The ")
    words = [f"--prompt_file={tmp_path}/prompt", "--seed=3", "--num_samples=2", "--stop= ", "--json"]
    found = [json.loads(line) for line in sample(trained, *words).splitlines()]
    assert [(text["prompt"], text["seed"]) for text in found] == [("The ", 3), ("The ", 4)]
    assert all(" " not in text["text"] and len(text["text"]) < 80 for text in found)


@pytest.mark.slow
def test_prompts_and_stops_take_new_lines_as_the_sample_prompt_of_training_does(trained):
    (text,) = map(json.loads, sample(trained, r"--prompt=The\nold", r"--stop=\n", "--seed=3", "--json").splitlines())
    assert text["prompt"] == "The\nold"
    assert "\n" not in text["text"]
    assert len(text["text"]) < 80  # verses have some 35 characters


@pytest.mark.slow
def test_greedy_is_temperature_0_and_beam_finds_at_least_as_likely_a_text(trained):
    greedy = sample(trained, "--greedy", "--temperature=2")
    assert greedy == sample(trained, "--temperature=0")
    narrow = json.loads(sample(trained, "--beam=1", "--json"))
    assert narrow["text"] == greedy[:-1]
    wide = [json.loads(line) for line in sample(trained, "--beam=8", "--num_samples=3", "--json").splitlines()]
    assert [text["nats"] for text in wide] == sorted(text["nats"] for text in wide)
    assert len({text["text"] for text in wide}) == 3

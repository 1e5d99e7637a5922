import pytest

from char_lstm_tf.config import RECIPES, Config
from char_lstm_tf.runs.folder import config_from_lines, flag_lines
from pipelines import UserError
from pipelines.command_line import given_flags


def test_a_configuration_survives_being_written_as_flags():
    config = Config(
        name="x",
        text=("a.txt", "with, comma.txt"),
        split=(0.8, 0.2, 0.0),
        clean=False,
        target="next_char",
        units=(5, 6, 7),
        dropout=0.25,
        global_clipnorm=2.5,
        seed=9,
        sample_prompt="ROMEO:\nBut --soft",
    )
    again = config_from_lines(flag_lines(config))
    assert again.resolved() == config.resolved() | {"sample_prompt": r"ROMEO:\nBut --soft"}
    assert again.prompt == config.prompt == "ROMEO:\nBut --soft"
    assert (again.batching, again.stride) == ("shuffled", 3)  # what followed from the target is written down


def test_flags_after_the_file_replace_its_own(tmp_path):
    saved = tmp_path / "flags.txt"
    saved.write_text(flag_lines(Config(name="x", text=("a.txt", "b.txt"))))

    def parsed(*words):
        return Config(**given_flags(Config, [f"--flagfile={saved}", *words]))

    after = parsed("--text=c.txt", "--text", "d.txt", "--clipvalue=5")
    assert after.text == ("c.txt", "d.txt")
    assert after.clipping == {"clipvalue": 5.0}
    other = parsed("--text=", "--books=84")
    assert (other.text, other.books) == ((), "84")


def test_flags_without_effect_that_an_older_version_accepted_are_left_out():
    config = config_from_lines("--name=x\n--architecture=counts\n--order=3\n--epochs=99\n--encoding=one_hot\n")
    assert (config.order, config.epochs) == (3, 10)


def test_a_run_of_an_earlier_version_is_opened_with_the_former_name_of_a_flag():
    options = {"documents": "lines", "labels": "file", "text": ("f",), "target": "label", "pieces_and_pairs": True}
    config = Config(name="x", **options)
    assert config_from_lines(flag_lines(config).replace("pieces_and_pairs", "ngrams")).settings == config.settings


def test_words_that_are_no_flags_are_refused():
    with pytest.raises(UserError, match=r"flags.txt: 'But' is no flag"):
        config_from_lines("--name=x\nBut\n--seed=9\n")


def test_the_name_of_a_recipe_means_the_recipe_and_a_path_means_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_text("--name=own\n")
    assert given_flags(Config, ["--flagfile=names"])["name"] == "names"
    assert given_flags(Config, ["--flagfile", "./names"]) == {"name": "own"}
    with pytest.raises(UserError, match=r"nmes: No such file or directory; name .*, or a recipe: authors, "):
        given_flags(Config, ["--flagfile=nmes"])


@pytest.mark.parametrize("flag", ["--flagfile=/etc/passwd", "-flagfile=x", "--flagfile"])
def test_a_run_reads_no_other_file(flag):
    with pytest.raises(UserError, match="must not read another file"):
        config_from_lines(f"--name=x\n{flag}\n")


def test_repeating_a_run_does_not_replace_it():
    assert not config_from_lines(flag_lines(Config(name="x", overwrite=True))).overwrite


@pytest.mark.parametrize("name", [path.stem for path in RECIPES.glob("*.flags")])
def test_every_recipe_is_a_valid_configuration_with_its_story_in_its_head(name):
    Config(**given_flags(Config, [f"--flagfile={name}", "--name=x", "--text=own.tsv"]))
    head = (RECIPES / f"{name}.flags").read_text().split("\n--")[0]
    for word in ("Purpose:", "Command:", "Result:", "Time:"):
        assert word in head
    assert "not measured" not in head

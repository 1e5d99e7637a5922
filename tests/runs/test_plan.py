import dataclasses
import shutil
from pathlib import Path

import pytest

from char_lstm_tf.config import Config
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.plan import plan_run
from pipelines import UserError
from pipelines.command_line import given_flags
from pipelines.vocabulary import Vocabulary


@pytest.fixture
def started(tmp_path):
    """The flags of a run that has started, and what it started with."""
    where = {"name": "x", "output_dir": str(tmp_path)}
    config = Config(**where, window=40, units=(5, 6), seed=9, sample_prompt=r"a\nb")
    with RunFolder.reserve(config).opened(config, Vocabulary.fit("ab")):
        pass
    return where, config


def test_a_new_run_has_the_flags_given_and_writes_nothing(tmp_path):
    plan = plan_run(name="y", output_dir=str(tmp_path), window=30)
    assert plan.config == Config(name="y", output_dir=str(tmp_path), window=30)
    assert (plan.folder.path, plan.origin) == (tmp_path / "y", None)
    assert not plan.folder.path.exists()


def test_a_resumed_run_has_the_flags_it_started_with(started):
    where, config = started
    plan = plan_run(**where, resume=True)
    assert plan.config.resolved() == config.resolved() | {"resume": True}
    again = plan_run(**where, resume=True, window=40, units=(5, 6), keep=7, sample_prompt="a\nb", batching="stream")
    assert again.config.keep == 7
    assert again.config.prompt == config.prompt


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"seed": 3}, "--seed=3: the run to --resume started with 9"),
        ({"units": (5,)}, "--units=5: the run to --resume started with 5,6"),
    ],
)
def test_flags_that_would_change_the_outcome_of_a_resumed_run_are_refused(started, flags, message):
    where, _ = started
    with pytest.raises(UserError, match=message):
        plan_run(**where, resume=True, **flags)


def test_resuming_what_has_not_started_starts_it(tmp_path):
    plan = plan_run(name="new", output_dir=str(tmp_path), resume=True, window=9)
    assert plan.config.window == 9


def test_a_name_without_a_run_is_not_resumed_and_the_runs_there_are_are_named(started):
    where, _ = started
    with pytest.raises(UserError, match=r"--name=y: no run of this name to resume; .* has x; to start one, give its"):
        plan_run(**where | {"name": "y"}, resume=True, keep=3)


def test_a_run_from_another_one_takes_its_sizes_and_the_rest_from_the_flags(trained, tmp_path):
    plan = plan_run(
        name="x", output_dir=str(tmp_path), init_from=str(trained), dropout=0.5, batch_size=7, units=(16, 16)
    )
    assert plan.origin.folder.path == trained
    expected = dataclasses.replace(
        Config(name="x", output_dir=str(tmp_path), init_from=str(trained)),
        units=(16, 16),
        window=16,
        dropout=0.5,
        batch_size=7,
        encoding="one_hot",
    )
    assert plan.config == expected
    assert plan_run(name="x", init_from=str(trained), window=9).config.window == 9


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"units": (16, 17)}, "--units=16,17: {run} has 16,16; leave the flag out"),
        ({"encoding": "embedding"}, "--encoding=embedding: {run} has one_hot; leave the flag out"),
        ({"init_from": "nowhere"}, "--init_from=nowhere: no such folder"),
    ],
)
def test_what_does_not_fit_the_other_run_is_named(trained, flags, message):
    with pytest.raises(UserError, match=message.format(run=trained)):
        plan_run(**{"name": "x", "init_from": str(trained)} | flags)


OLD_RUNS = Path(__file__).parents[1] / "end_to_end" / "old_runs"


def test_the_window_of_a_neural_n_gram_model_is_one_of_its_sizes(tmp_path):
    ngram = {"name": "x", "output_dir": str(tmp_path), "init_from": str(OLD_RUNS / "ngram")}
    assert plan_run(**ngram).config.window == 8
    with pytest.raises(UserError, match=r"--window=9: .*ngram has 8; leave the flag out"):
        plan_run(**ngram, window=9)


def test_sizes_of_another_run_that_a_classifier_has_no_use_for_are_left_out(tmp_path):
    run = shutil.copytree(OLD_RUNS / "words", tmp_path / "run")
    flags = (run / "flags.txt").read_text()
    (run / "flags.txt").write_text(flags.replace("--labels=field\n--label_field=1\n", "--sampled_softmax=9\n"))
    table = {"text": ("t.tsv",), "documents": "rows", "labels": "field", "target": "label"}
    plan = plan_run(name="x", output_dir=str(tmp_path), init_from=str(run), **table)
    assert (plan.config.sampled_softmax, plan.config.units) == (0, (6, 5))


def test_an_empty_text_is_no_wish_for_the_language_reference(tmp_path):
    with pytest.raises(UserError, match="--text=: names no file"):
        plan_run(name="x", output_dir=str(tmp_path), text=())
    assert plan_run(name="x", output_dir=str(tmp_path), text=(), books="84").config.books == "84"


def test_a_run_never_replaces_the_run_that_it_starts_from(trained):
    with pytest.raises(UserError, match=r"--init_from=.*: the new run would replace it; choose another --name"):
        plan_run(init_from=str(trained), name=trained.name, output_dir=str(trained.parent), overwrite=True)


@pytest.mark.parametrize(
    ("teacher", "flags", "message"),
    [
        (OLD_RUNS / "functional", {}, "has --encoding=embedding, and this run has --encoding=one_hot; both must"),
        (OLD_RUNS / "gru", {"target": "next_char"}, "has --target=sequence, and this run has --target=next_char; both"),
        ("nowhere", {}, "no such folder"),
        (OLD_RUNS / "ngram", {}, r"without a state \(--architecture=ngram\); a teacher must be a network that reads"),
        (OLD_RUNS / "counts", {}, r"table of counts \(--architecture=counts\); a teacher must be a network that reads"),
    ],
)
def test_a_run_that_can_not_be_a_teacher_is_refused(tmp_path, teacher, flags, message):
    with pytest.raises(UserError, match=rf"--teacher={teacher}: .*{message}"):
        plan_run(name="x", output_dir=str(tmp_path), teacher=(str(teacher),), **flags)


@pytest.mark.parametrize("words", [["--teacher={0}", "--teacher={1}"], ["--teacher={0},{1}"]])
def test_several_teachers_are_those_of_the_resumed_run_too(tmp_path, words):
    folders = [OLD_RUNS / "sequential", OLD_RUNS / "gru"]
    where = {"name": "x", "output_dir": str(tmp_path)}
    plan = plan_run(**where, **given_flags(Config, [word.format(*folders) for word in words]))
    with plan.folder.opened(plan.config, Vocabulary.fit("ab")):
        pass
    for each in (plan, plan_run(**where, resume=True)):
        assert [teacher.folder.path for teacher in each.teachers] == folders


def test_a_run_never_replaces_its_teacher(trained):
    with pytest.raises(UserError, match=r"--teacher=.*: the new run would replace it; choose another --name"):
        plan_run(teacher=(str(trained),), name=trained.name, output_dir=str(trained.parent), overwrite=True)


def test_the_run_that_another_started_from_may_be_gone_once_there_is_a_checkpoint(trained, tmp_path):
    origin = shutil.copytree(trained, tmp_path / "origin")
    plan = plan_run(init_from=str(origin), name="x", output_dir=str(tmp_path))
    with plan.folder.opened(plan.config, plan.origin.vocabulary):
        pass
    shutil.rmtree(origin)
    with pytest.raises(UserError, match="no such folder"):
        plan_run(name="x", output_dir=str(tmp_path), resume=True)
    (plan.folder.checkpoints / "step-1").mkdir(parents=True)
    (plan.folder.checkpoints / "step-1" / "progress.json").touch()
    assert plan_run(name="x", output_dir=str(tmp_path), resume=True).origin is None


def test_a_folder_that_a_run_has_only_begun_is_taken_over(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "vocabulary.json").touch()
    (tmp_path / "x" / ".aside-1234-flags.txt").touch()
    assert plan_run(name="x", output_dir=str(tmp_path), resume=True, window=9).config.name == "x"
    assert plan_run(name="x", output_dir=str(tmp_path), overwrite=True).config.name == "x"
    (tmp_path / "x" / "thesis.txt").touch()
    with pytest.raises(UserError, match="isn't a run"):
        plan_run(name="x", output_dir=str(tmp_path), overwrite=True)


def test_a_tilde_in_output_dir_is_the_home_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plan_run(name="x", output_dir="~/runs").folder.path == tmp_path / "runs" / "x"

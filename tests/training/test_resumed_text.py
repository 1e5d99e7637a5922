"""The text of a resumed run: known by its hash, wherever its files are."""

import shutil
from pathlib import Path

import pytest
from conftest import verse

from char_lstm_tf.config import Config
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.runs.text import prepare_text
from pipelines import corpus
from pipelines.sources import text_files
from pipelines.vocabulary import Vocabulary


@pytest.fixture
def killed(tmp_path):
    """A run with a checkpoint: its flags, its text file and its encoded text."""
    file = tmp_path / "verse.txt"
    file.write_text(verse(30))
    where = {"name": "x", "output_dir": str(tmp_path / "runs"), "data_dir": str(tmp_path / "data")}
    plan = plan_run(**where, text=(str(file),))
    text = prepare_text(plan)
    with plan.folder.opened(plan.config, text.vocabulary):
        checkpoint = plan.folder.checkpoints / "step-00000001"
        checkpoint.mkdir(parents=True)
        Progress(text.folder.name, 9).save(checkpoint / "progress.json")
    return where, file, text


def test_the_text_of_a_resumed_run_may_have_moved(killed, tmp_path):
    where, file, text = killed
    moved = shutil.move(file, tmp_path / "moved.txt")
    plan = plan_run(**where, resume=True, text=(str(moved),))
    assert prepare_text(plan) == text


def test_the_encoded_text_is_enough_to_resume(killed, capsys):
    where, file, text = killed
    file.unlink()
    assert prepare_text(plan_run(**where, resume=True)) == text
    assert "no such file, folder or glob; continuing with the encoded text in" in capsys.readouterr().err


def test_the_run_that_another_started_from_is_not_needed_to_find_its_text(killed):
    where, file, _ = killed
    folder = Path(where["data_dir"], "corpora")
    text = corpus.prepare(text_files([str(file)]), split=(0.9, 0.05, 0.05), folder=folder, known=Vocabulary.fit("é"))
    plan = plan_run(**where, resume=True)
    Progress(text.folder.name, 9).save(plan.folder.newest_progress())
    assert plan.origin is None
    assert prepare_text(plan) == text


def test_another_text_is_another_corpus(killed):
    where, file, text = killed
    file.write_text(verse(31))
    assert prepare_text(plan_run(**where, resume=True)).folder != text.folder


def test_a_path_that_is_not_utf8_is_kept_in_the_flags(tmp_path):
    config = Config(name="x", output_dir=str(tmp_path), text=("caf\udce9.txt", "Dvořák.txt"))
    with RunFolder.reserve(config).opened(config, prepare_text(plan_run(name="y", data_dir=str(tmp_path))).vocabulary):
        pass
    assert RunFolder(tmp_path / "x").config.text == config.text
    assert b"caf\xe9.txt" in (tmp_path / "x" / "flags.txt").read_bytes()

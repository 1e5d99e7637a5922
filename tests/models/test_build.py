import json
import shutil
import zipfile

import pytest
from conftest import ROOT

from char_lstm_tf.models.build import load
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError


@pytest.fixture
def stranger(tmp_path):
    """Returns a copy of an old run of a kind, to be spoiled."""

    def copy(kind):
        return RunFolder(shutil.copytree(ROOT / "tests" / "end_to_end" / "old_runs" / kind, tmp_path / kind))

    return copy


def change_flags(folder, **flags):
    names = tuple(f"--{name}=" for name in flags)
    lines = [line for line in folder.flags.read_text().splitlines() if not line.startswith(names)]
    folder.flags.write_text("\n".join([*lines, *(f"--{name}={value}" for name, value in flags.items())]) + "\n")


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("sequential", {"units": "100000000"}),
        ("sequential", {"encoding": "embedding", "embedding_size": "100000000"}),
        ("ngram", {"window": "100000000", "ngram_inputs": "concat"}),
        ("ngram", {"units": "100000,100000"}),
        ("answers", {"linear": "true"}),
        ("answers", {"architecture": "linear"}),
    ],
)
def test_sizes_that_the_file_cannot_hold_are_refused_before_memory_is_asked_for(stranger, kind, flags):
    folder = stranger(kind)
    change_flags(folder, **flags)
    with pytest.raises(UserError, match=r"not the weights of this run: it has [\d,]+ bytes, and the sizes in flags"):
        load(TrainedRun.open(folder.path))


def test_a_vocabulary_that_the_file_cannot_hold_is_refused_before_memory_is_asked_for(stranger):
    folder = stranger("sequential")
    folder.vocabulary.write_text(json.dumps({"characters": ["\ufffd", *map(chr, range(0x20000, 0x30000))]}))
    with pytest.raises(UserError, match="the sizes in flags"):
        load(TrainedRun.open(folder.path))


def test_tables_that_the_file_cannot_hold_are_refused_before_memory_is_asked_for(stranger):
    folder = stranger("counts")
    with zipfile.ZipFile(folder.model) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    config["config"]["layers"][-1]["config"]["rows"] = 10**12
    with zipfile.ZipFile(folder.model, "w") as archive:
        for name, data in (files | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, data)
    with pytest.raises(UserError, match="larger than the file"):
        load(TrainedRun.open(folder.path))


@pytest.mark.parametrize(
    "vocabulary",
    ['{"characters": ["\\ufffd", "\\ud800"]}', '{"characters": ' + "[" * 100_000 + "]" * 100_000 + "}"],
    ids=["half a surrogate pair", "100,000 levels"],
)
def test_a_vocabulary_that_json_allows_and_text_does_not_is_refused(stranger, vocabulary):
    folder = stranger("sequential")
    folder.vocabulary.write_text(vocabulary)
    with pytest.raises(UserError, match="not a vocabulary"):
        load(TrainedRun.open(folder.path))


def test_weights_of_other_shapes_are_refused_with_the_shapes(stranger):
    folder = stranger("sequential")
    units = folder.config.units
    change_flags(folder, units=",".join(str(size - 1) for size in units))
    with pytest.raises(UserError, match=rf"not the weights of this run .*{units[0]}.*{units[0] - 1}"):
        load(TrainedRun.open(folder.path))

import csv
import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from conftest import ROOT, TINY, command, verse

from char_lstm_tf import search
from char_lstm_tf.runs.metrics import Metrics, TrainingStats
from pipelines import UserError

VARY = "dropout=0..0.4 learning_rate=log:1e-3..3e-2"


def words(folder, *more, name="s"):
    (folder / "verse.txt").write_text(verse(120))
    sizes = [*TINY, "--epochs=2", "--sample_chars=0", f"--text={folder}/verse.txt", "--split=0.7,0.2,0.1"]
    return [*sizes, f"--output_dir={folder}", f"--data_dir={folder}/data", f"--name={name}", *more]


def rows_of(folder):
    with (folder / "search.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    done = command("char_lstm_tf.search", *words(folder), f"--vary={VARY}", "--trials=4", "--halving=2")
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.slow
def test_the_best_of_each_round_go_on_and_the_last_one_is_named(searched):
    folder, done = searched
    rows = rows_of(folder / "s")
    assert [row["round"] for row in rows] == ["1"] * 4 + ["2"] * 2 + ["3"]
    first = sorted((float(row["nats"]), row["run"][2:]) for row in rows[:4])
    assert {row["run"][2:] for row in rows[4:6]} == {number for _, number in first[:2]}
    best = min(rows[4:6], key=lambda row: float(row["nats"]))
    assert rows[6]["run"] == f"3-{best['run'][2:]}"
    for row in rows:
        metrics = json.loads((folder / "s" / row["run"] / "metrics.json").read_text())
        assert float(row["nats"]) == metrics["validation"]["nats_per_char"]
        flags = (folder / "s" / row["run"] / "flags.txt").read_text().splitlines()
        assert f"--dropout={float(row['dropout'])}" in flags
        assert f"--epochs={max(1, round(2 / 2 ** (3 - int(row['round']))))}" in flags
    assert f"best: --dropout={rows[6]['dropout']} --learning_rate={rows[6]['learning_rate']}" in done.stdout
    assert f"its run: {folder}/s/{rows[6]['run']}" in done.stdout
    assert "round 2 of 3, trial 1 of 2: " in done.stderr
    assert (folder / "s" / "search.png").stat().st_size > 5000
    assert list((folder / "s" / rows[0]["run"] / "logs" / "hparams").iterdir())
    listed = command("char_lstm_tf.runs", f"--output_dir={folder}/s").stdout
    assert len(listed.splitlines()) == 1 + len(rows)


@pytest.mark.slow
def test_a_search_that_was_killed_continues_and_ends_as_if_it_had_not_been(searched, tmp_path):
    folder, _ = searched
    asked = [
        sys.executable,
        "-m",
        "char_lstm_tf.search",
        *words(tmp_path),
        f"--vary={VARY}",
        "--trials=4",
        "--halving=2",
    ]
    process = subprocess.Popen(asked, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0)
    ends = time.monotonic() + 100
    while not (tmp_path / "s" / "1-002" / "training.csv").exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)  # its trial, too
    process.wait()
    done = command(*asked[2:])
    assert done.returncode == 0, done.stderr
    assert "training 1-001" not in done.stderr
    found, expected = rows_of(tmp_path / "s"), rows_of(folder / "s")
    assert [row | {"seconds": 0} for row in found] == [row | {"seconds": 0} for row in expected]
    again = command(*asked[2:])
    assert "training" not in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--vary=dropout=0..2"], r"--dropout=.*: must be"),
        (["--vary=dropout=0..0.5", "--resume"], "--resume=true: doesn't go with a search"),
        (["--vary=dropout=0..0.5", "--architecture=counts"], "--epochs=2: has no effect with --architecture=counts"),
        ([], "--vary=: name at least one flag"),
        (["--vary=seed=1|2", "--trials=0"], "--trials=0: must be at least 1"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(tmp_path, more, message):
    given = search.command_line.given_flags(search.SearchFlags, words(tmp_path, *more))
    with pytest.raises(UserError, match=message):
        search.main(given)
    assert not (tmp_path / "s").exists()


def test_a_search_on_several_machines_is_refused(tmp_path, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    given = search.command_line.given_flags(search.SearchFlags, words(tmp_path, "--vary=seed=1|2"))
    with pytest.raises(UserError, match="a search uses one machine"):
        search.main(given)
    assert not (tmp_path / "s").exists()


def test_a_folder_of_another_search_or_of_something_else_is_left_alone(tmp_path):
    search.begin(tmp_path / "s", {"vary": "a"})
    search.begin(tmp_path / "s", {"vary": "a"})
    with pytest.raises(UserError, match="is a search with other flags"):
        search.begin(tmp_path / "s", {"vary": "b"})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    with pytest.raises(UserError, match="is no search"):
        search.begin(tmp_path / "other", {"vary": "a"})


class Trials:
    """Stands for the processes of `train`: they end as the settings of a trial say, and are counted.

    Attributes:
        ends: by the flag that varies, its loss in nats, or the exit status and the last line.
        trained: the names of the runs.
    """

    def __init__(self, ends):
        self.ends, self.trained = ends, []

    def __call__(self, command, *, stdout, **_):
        flagfile = Path(command[3].removeprefix("--flagfile="))
        flags = flagfile.read_text().splitlines()
        (end,) = [end for flag, end in self.ends.items() if flag in flags]
        self.trained.append(flagfile.stem)
        if isinstance(end, tuple):
            stdout.write(f"python -m char_lstm_tf.train: {end[1]}\n".encode())
            return subprocess.CompletedProcess(command, end[0])
        run = flagfile.with_suffix("")
        run.mkdir()
        stats = TrainingStats(parameters=1, characters_seen=1, seconds=1.0, chars_per_second=1)
        Metrics(held_out={"validation": {"nats_per_char": end}}, training=stats).save(run / "metrics.json")
        return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def searching(tmp_path, monkeypatch):
    """Returns a function that searches a folder of its own, with what the trials are to end in."""

    def search_with(ends, *more):
        trials = Trials(ends)
        monkeypatch.setattr(search, "subprocess", types.SimpleNamespace(run=trials))
        vary = "--vary=window=" + "|".join(flag.partition("=")[2] for flag in ends)
        given = search.command_line.given_flags(search.SearchFlags, words(tmp_path, vary, "--trials=9", *more))
        try:
            search.main(given)
        finally:
            monkeypatch.undo()
        return trials.trained

    return search_with


LONG = (1, "--window=900: too long")
NAN = (3, "diverged: NaN")


def test_a_failed_trial_is_a_result_with_a_reason_and_the_search_goes_on(searching, tmp_path, capsys):
    ends = {"--window=8": 2.5, "--window=900": LONG, "--window=9": NAN, "--window=10": 2.25}
    assert len(searching(ends, "--halving=1")) == 4
    out, err = capsys.readouterr()
    rows = {row["window"]: row for row in rows_of(tmp_path / "s")}
    assert {name: (row["outcome"], row["nats"], row["reason"]) for name, row in rows.items()} == {
        "8": ("measured", "2.5", ""),
        "900": ("failed", "", LONG[1]),
        "9": ("diverged", "inf", NAN[1]),
        "10": ("measured", "2.25", ""),
    }
    table = [line.split() for line in out.splitlines()]
    assert [line[0] for line in table[1:3]] == ["2.2500", "2.5000"]
    at = table.index(["failed", rows["900"]["run"], "--window=900"])
    assert " ".join(table[at + 1]) == LONG[1]
    assert "best: --window=10" in out
    assert "--trials=9: --vary allows only 4 settings; each is tried once" in err
    assert f"    {LONG[1]}\n" in err
    assert f"    {NAN[1]}\n" in err


def test_what_failed_is_tried_again_only_if_its_record_is_deleted(searching, tmp_path, capsys):
    ends = {"--window=8": 2.5, "--window=900": LONG, "--window=9": NAN}
    searching(ends, "--halving=1")
    first = capsys.readouterr().out
    assert searching(ends, "--halving=1") == []
    assert capsys.readouterr().out == first
    (name,) = [row["run"] for row in rows_of(tmp_path / "s") if row["window"] == "900"]
    (tmp_path / "s" / f"{name}.failed").unlink()
    assert searching(ends | {"--window=900": 2.0}, "--halving=1") == [name]
    assert "best: --window=900" in capsys.readouterr().out


@pytest.mark.parametrize("ends", [{"--window=8": LONG, "--window=9": NAN}, {"--window=8": NAN, "--window=9": NAN}])
def test_without_a_loss_there_is_no_best_and_the_status_tells(searching, tmp_path, capsys, ends):
    for _ in range(2):
        with pytest.raises(UserError, match="all 2 trials failed or diverged") as error:
            searching(ends)
        assert error.value.status == 1
        out = capsys.readouterr().out
        assert "best" not in out
        assert NAN[1] in out
    assert len(rows_of(tmp_path / "s")) == 2


def test_trials_without_a_loss_dont_go_on_to_the_next_round(searching, tmp_path):
    ends = {"--window=8": 2.5, "--window=900": LONG, "--window=9": NAN, "--window=10": NAN}
    assert len(searching(ends, "--halving=2")) == 4 + 1 + 1  # of two and one that may
    assert [row["window"] for row in rows_of(tmp_path / "s") if row["round"] != "1"] == ["8", "8"]


def test_where_the_last_round_has_no_loss_the_best_is_of_the_round_before(tmp_path, capsys):
    def trial(number, nats):
        outcome = "measured" if nats < 9 else "diverged"
        return search.Trial(number, {"window": "8"}, search.RunFolder(tmp_path / f"{number}-1"), outcome, nats)

    search.print_best([trial(1, 2.5), trial(1, 2.75), trial(2, float("inf"))])
    assert f"its run: {tmp_path}/1-1" in capsys.readouterr().out


@pytest.mark.parametrize("status", [130, 143, -15])
def test_a_trial_that_was_stopped_is_no_result(searching, tmp_path, status):
    with pytest.raises(UserError, match="the same command continues the search"):
        searching({"--window=8": (status, "stopped")})
    assert searching({"--window=8": 2.5}) == ["1-001"]


def test_a_text_that_is_gone_ends_the_search_and_is_no_fault_of_a_trial(searching, tmp_path):
    ends = {"--window=8": (1, "gone"), "--window=9": (1, "gone")}
    with pytest.raises(UserError, match="nowhere"):
        searching(ends, f"--text={tmp_path}/nowhere.txt")
    assert not list((tmp_path / "s").glob("*.failed"))


def test_a_folder_in_which_another_process_trains_is_no_result(searching, tmp_path):
    run = search.RunFolder(tmp_path / "s" / "1-001")
    search_in = {"--window=8": (1, "another process trains")}
    with pytest.raises(UserError):
        searching({"--window=8": (143, "stopped")})
    run.path.mkdir()
    with run._locked(), pytest.raises(UserError, match="another process trains"):
        searching(search_in)
    assert not list((tmp_path / "s").glob("*.failed"))


def test_a_run_with_the_flags_of_another_trial_is_no_result_of_this_one(searching, tmp_path):
    searching({"--window=8": 2.5})
    flagfile = tmp_path / "s" / "1-001.flags"
    flagfile.write_text(flagfile.read_text().replace("--window=8", "--window=7"))
    with pytest.raises(UserError, match=r"1-001\.flags has other flags"):
        searching({"--window=8": 2.5})


@pytest.mark.slow
def test_a_window_too_long_for_the_text_costs_its_own_trial_alone(tmp_path):
    asked = [*words(tmp_path), "--vary=window=16|5000", "--trials=6", "--halving=1"]
    done = command("char_lstm_tf.search", *asked)
    assert done.returncode == 0, done.stderr
    assert "best: --window=16" in done.stdout
    assert "fewer than 4 windows of --window=5000" in done.stdout
    again = command("char_lstm_tf.search", *asked)
    assert "training 1-" not in again.stderr
    assert again.stdout == done.stdout

import pytest
from conftest import command

from char_lstm_tf.training import pictures


@pytest.fixture
def runs(tmp_path):
    for name, factor in (("far", 0.5), ("near", 0.1)):
        rows = [",".join(pictures.GRADIENT_COLUMNS)]
        for epoch in (0, 1):
            rows.append(f"{epoch},3,lstm_1/kernel,,1.5,0.5,0.25")
            rows += [f"{epoch},3,,{t},{(2 - epoch) * factor**t},," for t in range(12)]
        (tmp_path / name).mkdir()
        (tmp_path / name / "gradients.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_rows_about_distances_are_read_epoch_by_epoch(runs):
    epochs = pictures.reach_by_epoch(runs / "far" / "gradients.csv")
    assert list(epochs) == [0, 1]
    assert epochs[0][:3] == [2, 1, 0.5]
    assert epochs[1][:3] == [1, 0.5, 0.25]


def test_a_picture_has_a_line_for_each_run_or_for_each_epoch_of_one(runs, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure.axes[0]))
    logs = {name: runs / name / "gradients.csv" for name in ("far", "near")}
    pictures.draw_reach(logs, runs / "both.png")
    pictures.draw_reach({"far": logs["far"]}, runs / "one.png")
    both, one = drawn
    assert [line.get_label() for line in both.lines] == ["far", "near"]
    assert both.lines[1].get_ydata()[:3] == pytest.approx([1, 0.1, 0.01])
    assert [line.get_label() for line in one.lines] == ["epoch 1", "epoch 2"]
    assert one.get_title() == "far"
    assert both.get_ylim()[0] == 1e-8


def test_the_command_compares_runs(runs):
    done = command(
        "char_lstm_tf.plot_gradients",
        f"--model={runs}/far",
        f"--model={runs}/near",
        f"--png={runs}/reach.png",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "far: of what reaches the last character, 5.0e-01 1 before, 9.8e-04 10 before",
        "near: of what reaches the last character, 1.0e-01 1 before, 1.0e-10 10 before",
    ]
    assert (runs / "reach.png").read_bytes().startswith(b"\x89PNG")


def test_runs_of_one_name_are_told_apart_by_their_folders(runs):
    (runs / "other").mkdir()
    (runs / "other" / "far").symlink_to(runs / "near")
    words = [f"--model={runs}/far", f"--model={runs}/other/far"]
    done = command("char_lstm_tf.plot_gradients", *words, f"--png={runs}/reach.png")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [f"{runs}/far", f"{runs}/other/far"]
    done = command("char_lstm_tf.plot_gradients", *words, f"--png={runs}/reach.film")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"--png={runs}/reach.film: " in done.stderr
    done = command("char_lstm_tf.plot_gradients", *words[:1] * 2)
    assert "name each run once" in done.stderr


def test_a_run_without_gradients_is_told_how_to_get_them(runs):
    done = command("char_lstm_tf.plot_gradients", f"--model={runs}")
    assert done.returncode == 1
    assert f"--model={runs}: it has no gradients.csv; train it with --gradient_steps=100" in done.stderr

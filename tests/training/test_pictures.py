import struct

import pytest

from char_lstm_tf.training import pictures

LOG = """epoch,bits_per_char,gradient_norm,learning_rate,loss,val_loss
0,4.3,0.5,0.006,3.0,2.5
1,3.6,0.25,0.003,2.5,2.25
"""


@pytest.mark.parametrize(
    "log", [LOG, LOG.replace("val_loss", "other"), LOG.replace(",2.5\n", ",NA\n").replace(",2.25\n", ",NA\n")]
)
def test_a_picture_of_every_epoch_so_far_appears_whole(tmp_path, log):
    (tmp_path / "training.csv").write_text(log)
    picture = tmp_path / "curves.png"
    pictures.draw_curves(tmp_path / "training.csv", tmp_path / "steps.csv", picture, epoch=4)
    header = picture.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert struct.unpack(">II", header[16:]) == (800, 900)  # pixels
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "training.csv"]


def test_the_lines_are_the_columns(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn = {}
    plot = Axes.plot
    monkeypatch.setattr(
        Axes,
        "plot",
        lambda self, x, y, **options: drawn.update({options["label"]: (x, y)}) or plot(self, x, y, **options),
    )
    (tmp_path / "training.csv").write_text(LOG)
    (tmp_path / "steps.csv").write_text("step,loss\n2,4.0\n4,3.0\n6,2.5\n")  # means of an epoch up to the step
    pictures.draw_curves(tmp_path / "training.csv", tmp_path / "steps.csv", tmp_path / "curves.png", epoch=4)
    assert drawn["training, by step"] == ([0.5, 1, 1.5], [4.0, 2.0, 2.5])
    assert drawn["training"] == ([1, 2], [3.0, 2.5])
    assert drawn["validation"] == ([1, 2], [2.5, 2.25])
    assert drawn["at the end of the epoch"] == ([1, 2], [0.006, 0.003])
    assert drawn["before clipping, mean over batches"] == ([1, 2], [0.5, 0.25])

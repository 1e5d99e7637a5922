from char_lstm_tf.page import history


def test_losses_of_each_epoch_and_none_where_nothing_was_measured(tmp_path):
    (tmp_path / "training.csv").write_text("epoch,accuracy,loss,val_loss\n0,0.5,2.5,2.25\n1,0.6,nan,\n")
    assert history.losses(tmp_path / "training.csv") == [
        {"epoch": 1, "loss": 2.5, "val_loss": 2.25},
        {"epoch": 2, "loss": None, "val_loss": None},
    ]
    assert history.losses(tmp_path / "missing.csv") == []


def test_samples_keep_their_lines_and_what_only_looks_like_a_heading(tmp_path):
    (tmp_path / "samples.txt").write_text(
        "\n━━ epoch 1: loss 2.5 (nats per character), prompt ''\n── temperature 0.5\none\n\n  two\n── temperature 1.0\n"
        "━━ epoch 7: of the text\n\n\n━━ epoch 2: loss 2.0\n── temperature 0.5\nthree\n"
    )
    assert history.samples(tmp_path / "samples.txt") == [
        {"epoch": 1, "heading": "temperature 0.5", "text": "one\n\n  two"},
        {"epoch": 1, "heading": "temperature 1.0", "text": "━━ epoch 7: of the text"},
        {"epoch": 2, "heading": "temperature 0.5", "text": "three"},
    ]
    assert history.samples(tmp_path / "missing.txt") == []

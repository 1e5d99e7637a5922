"""A whole run of the baseline without a network: text in, a counted, measured and exported model out."""

import sys
import time

import keras

from char_lstm_tf.config import Config
from char_lstm_tf.inference.sampling import Writer
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models import counted, kneser_ney
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.serving import export
from char_lstm_tf.training.callbacks import SampleText
from char_lstm_tf.training.provenance import peak_memory_bytes, provenance
from pipelines.corpus import Corpus


def count_and_export(config: Config, text: Corpus, folder: RunFolder) -> dict:
    """Counts, evaluates and exports a model, as `training.fit_and_export` trains one.

    Args:
        config: of the run.
        text: what to count.
        folder: where to leave the run, as `RunFolder.reserve` gave it.

    Returns:
        What metrics.json holds.

    Raises:
        UserError: the text is too short or too long for this order, or the folder can't be written.
    """
    began = time.monotonic()
    held_out, order, vocabulary = text.held_out(), config.model.order, text.vocabulary
    ids, sizes = text.split("train"), {"order": order, "vocabulary_size": len(vocabulary)}
    tables = kneser_ney.smooth(*kneser_ney.count(ids, **sizes), **sizes)
    counted_in = time.monotonic() - began
    model = counted.counted_model(tables, **sizes)
    with folder.taken(config, vocabulary):
        folder.samples.unlink(missing_ok=True)  # of a process that was killed
        folder.save_model(model)
        megabytes = sum(values.nbytes for values in vars(tables).values()) / 1e6
        if not config.training.quiet:
            print(
                f"{len(tables.seen):,} sequences of up to {order} characters, tables of {megabytes:,.1f} MB",
                file=sys.stderr,
            )
        scorer = Scorer(model, vocabulary)
        metrics = {name: scorer.score(part).report() for name, part in held_out.items()}
        if config.training.sample_chars:
            _write_sample(config, model, text, folder, metrics)
        metrics |= {
            "parameters": model.count_params(),
            "characters_seen": len(ids),
            "seconds": round(time.monotonic() - began, 1),
            "chars_per_second": round(len(ids) / counted_in),
            "peak_memory_bytes": peak_memory_bytes(),
            "corpus": text.folder.name,
        } | provenance()
        folder.publish(lambda path: export.export(model, vocabulary, path))
        folder.save_metrics(metrics)
    return metrics


def _write_sample(config: Config, model: keras.Model, text: Corpus, folder: RunFolder, metrics: dict) -> None:
    """Shows what the model writes, as after the first epoch of another one."""
    losses = {"val_loss": metrics["validation"]["nats_per_char"]} if "validation" in metrics else {}
    SampleText(
        Writer(model, text.vocabulary),
        path=folder.samples,
        prompt=config.training.sample_prompt,
        chars=config.training.sample_chars,
        temperatures=config.training.sample_temperatures,
        seed=config.training.seed,
        out=None if config.training.quiet else sys.stdout,
    ).on_epoch_end(0, losses)

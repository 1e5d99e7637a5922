"""A whole run: text in, a trained, measured and exported model out."""

import contextlib
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras

from char_lstm_tf import callbacks, compiling, export, models
from char_lstm_tf.config import Config
from char_lstm_tf.run_folder import RunFolder
from char_lstm_tf.sampling import Writer
from char_lstm_tf.scoring import Scorer
from pipelines import UserError, batches, corpus


@dataclass(frozen=True)
class Result:
    """What a run left behind.

    Attributes:
        metrics: what metrics.json holds.
        saved_model: the folder of the SavedModel version.
    """

    metrics: dict
    saved_model: Path


def build(config: Config, vocabulary_size: int, *, stream: bool = False) -> keras.Model:
    """Returns the model of a configuration, uncompiled; with `stream`, the one that carries state between batches."""
    return models.BUILD[config.model.architecture](
        config.model,
        vocabulary_size=vocabulary_size,
        encoding=config.data.encoding,
        target=config.data.target,
        window=config.data.window,
        stream_batch_size=config.data.batch_size if stream else None,
    )


def fit_and_export(config: Config, text: corpus.Corpus, folder: RunFolder) -> Result:
    """Trains, evaluates and exports a model. Samples go to stdout, everything else to stderr.

    Args:
        config: of the run.
        text: what to learn.
        folder: where to leave the run, as `RunFolder.reserve` gave it.

    Raises:
        UserError: the text is too short for the sizes, or the folder can't be written; nothing is, then.
    """
    began = time.monotonic()
    keras.utils.set_random_seed(config.training.seed)
    batching = batches.Batching(
        config.data.batching,
        config.data.batch_size,
        config.data.window,
        max(config.data.stride, 1),
        config.training.seed,
    )
    steps_per_epoch = batching.steps_per_epoch(text.split("train"))
    steps = steps_per_epoch * config.training.epochs
    if config.training.max_steps:
        steps = min(steps, config.training.max_steps)
    held_out = {name: text.split(name) for name in ("validation", "test") if len(text.split(name))}
    for name, ids in held_out.items():
        if len(ids) < 2:
            raise UserError(f"--split: the {name} split has {len(ids)} character; give it more, or nothing")

    model = build(config, len(text.vocabulary), stream=config.data.batching == "stream")
    compiling.compile_model(model, config.training, steps=steps)
    folder.create(config, text.vocabulary)
    print(
        f"{steps:,} steps of {config.data.batch_size} windows of {config.data.window} characters",
        file=sys.stderr,
    )
    model.summary(line_length=80, print_fn=lambda line: print(line, file=sys.stderr))
    scorer = Scorer(model, text.vocabulary)
    best = build(config, len(text.vocabulary))
    _fit(model, best, config, text, batching, steps, folder, scorer, held_out.get("validation"))

    model.set_weights(best.get_weights())
    metrics = {name: scorer.score(ids).report() for name, ids in held_out.items()}
    metrics |= {
        "parameters": model.count_params(),
        "characters_seen": steps * config.data.batch_size * config.data.window,
        "seconds": round(time.monotonic() - began, 1),
    }
    saved_model = folder.publish(lambda path: export.export(best, text.vocabulary, path))
    folder.save_metrics(metrics)
    return Result(metrics, saved_model)


def _fit(
    model: keras.Model,
    best: keras.Model,
    config: Config,
    text: corpus.Corpus,
    batching: batches.Batching,
    steps: int,
    folder: RunFolder,
    scorer: Scorer,
    validation: corpus.IdRange | None,
) -> None:
    """Trains `model`, leaves the weights of its best epoch in `best` and in the run's folder."""

    def save_best() -> None:
        best.set_weights(model.get_weights())
        folder.save_model(best)

    training = config.training
    ids = text.split("train")
    steps_per_epoch = batching.steps_per_epoch(ids)
    dataset = batches.training_batches(
        ids,
        batching,
        encoding=config.data.encoding,
        target=config.data.target,
        vocabulary_size=len(text.vocabulary),
        steps=steps,
    )
    after_epoch = [callbacks.ResetStates(), callbacks.StopAfter(steps), callbacks.KeepBest(save_best)]
    if validation is not None:
        after_epoch.insert(0, callbacks.Validate(scorer, validation))
    if training.sample_chars:
        after_epoch.append(
            callbacks.SampleText(
                Writer(model, text.vocabulary),
                path=folder.samples,
                prompt=training.sample_prompt,
                chars=training.sample_chars,
                temperatures=training.sample_temperatures,
                seed=training.seed,
            )
        )
    after_epoch += [
        keras.callbacks.CSVLogger(folder.training_log),
        keras.callbacks.TensorBoard(folder.logs, write_graph=False),
    ]
    with contextlib.redirect_stdout(sys.stderr):  # Keras prints its bar to stdout, where samples go
        model.fit(
            dataset,
            epochs=math.ceil(steps / steps_per_epoch),
            steps_per_epoch=steps_per_epoch,
            callbacks=after_epoch,
            verbose=1 if sys.stderr.isatty() else 2,
            shuffle=False,
        )

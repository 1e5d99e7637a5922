"""A whole run: text in, a trained, measured and exported model out."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from char_lstm_tf.config import settings
from char_lstm_tf.runs.card import write_card
from char_lstm_tf.runs.cluster import Cluster
from char_lstm_tf.runs.metrics import Metrics
from char_lstm_tf.runs.plan import Plan, outcome_of
from char_lstm_tf.runs.provenance import peak_memory_bytes, provenance
from char_lstm_tf.runs.text import prepare_text, show_text
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.fitting.signals import Signals
from pipelines.corpus import Corpus
from pipelines.files import remove
from pipelines.process_state import environment, without_reports
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import keras

    from char_lstm_tf.training.counting import CountingRun
    from char_lstm_tf.training.linear_run import LinearRun
    from char_lstm_tf.training.run import Run


def train(
    plan: Plan, signals: Signals | None = None, callbacks: "Sequence[keras.callbacks.Callback]" = ()
) -> Metrics | None:
    """Trains, measures and exports a model, and writes everything to the run's folder.

    Samples go to stdout, everything else to stderr. A resumed run continues from its newest checkpoint, and the result
    is bit for bit that of an uninterrupted run. A finished run stays as it is.

    Args:
        plan: the run.
        signals: those that stop it with a checkpoint. None: the process belongs to another program, which may call this
            from any thread; its signals and its settings of TensorFlow aren't changed.
        callbacks: of the program that calls this, see `training.callbacks.user`. With several workers, those of the
            chief are called.

    Returns:
        The results; None in a worker that isn't the chief.

    Raises:
        UserError: the text can't be read or is too short, or the folder can't be written.
        DivergedError: the loss became NaN or infinite. The newest checkpoint is older.
        StoppedError: a signal asked the process to stop, and a checkpoint was saved.
    """
    config = plan.config
    if callbacks:
        config.settings.network("has no training steps that callbacks could watch; leave callbacks out")
    if plan.cluster:
        return _train_together(plan, plan.cluster, signals, callbacks)
    if _is_finished(plan):
        return plan.folder.load_metrics()
    text = prepare_text(plan)
    show_text(text, config)
    import_tensorflow(verbose=config.verbose)
    # TensorFlow takes seconds to import, so a mistake in the text shows first.
    from char_lstm_tf.models import cores
    from char_lstm_tf.training import workers
    from char_lstm_tf.training.counting import CountingRun
    from char_lstm_tf.training.linear_run import LinearRun
    from char_lstm_tf.training.run import Run

    if signals is None:
        cores.keep_memory()
    else:
        cores.set_up_tensorflow(config, config.batch_size, len(text.vocabulary))
    model = config.settings.model
    if isinstance(model, settings.Counts):
        return _finish(plan, text, CountingRun(plan, text))
    if isinstance(model, settings.Linear):
        return _finish(plan, text, LinearRun(plan, text, model))
    return _finish(plan, text, Run(plan, text, workers.of_this_machine(), signals, callbacks))


def _train_together(
    plan: Plan, cluster: Cluster, signals: Signals | None, callbacks: "Sequence[keras.callbacks.Callback]"
) -> Metrics | None:
    """Trains as one of several workers. Returns and raises as `train`.

    Raises:
        LostWorkerError: another worker has ended.
    """
    config = plan.config
    alone = "works on one machine alone; leave it out, or unset TF_CONFIG"
    config.require(not config.gradient_steps, "gradient_steps", alone)
    config.settings.network(alone)
    cluster.meet()  # before TensorFlow is imported, which takes longer
    with environment(TF_CPP_MIN_LOG_LEVEL="3"):  # TensorFlow prints ten lines about a lost worker
        import_tensorflow(verbose=config.verbose)
    from char_lstm_tf.training import workers
    from char_lstm_tf.training.run import Run

    with workers.joined(cluster, config) as everyone, everyone.watched(), tempfile.TemporaryDirectory() as temporary:
        if everyone.of_chief(_is_finished(plan)):
            return plan.folder.load_metrics() if everyone.chief else None
        if everyone.chief:
            text = prepare_text(plan)
            show_text(text, config)
            everyone.wait()
        else:
            everyone.wait()  # if the folder is shared, the text is there now
            text = prepare_text(plan)
            plan.folder.shuffled = Path(temporary)
        everyone.require_same("text", text.folder.name)
        everyone.require_same("flags", outcome_of(config))
        run = Run(plan, text, everyone, signals, callbacks)
        if not everyone.chief:
            run.fit()
            everyone.wait()
            return None
        metrics = _finish(plan, text, run)
        with suppress(workers.LostWorkerError), everyone.watched():
            everyone.wait()  # until now, because TensorFlow takes a worker that has ended for a lost one
        return metrics


def _is_finished(plan: Plan) -> bool:
    """Returns whether a run to resume is finished, and if so, prints that."""
    folder = plan.folder
    if not (plan.config.resume and folder.started and folder.state == "finished"):
        return False
    more = f"--init_from={folder.path} with another --name trains its model further"
    print(f"{folder.path} is finished: nothing to resume; {more}", file=sys.stderr)
    return True


def _finish(plan: Plan, text: Corpus, run: "Run | CountingRun | LinearRun") -> Metrics:
    """Trains, measures and exports, and returns what metrics.json holds."""
    from char_lstm_tf.serving.export import export
    from char_lstm_tf.training.labels import measure_labels

    folder, calibration = plan.folder, None
    with folder.opened(plan.config, text.vocabulary):
        run.fit()
        held_out = run.measure()
        if text.vocabulary.labels:
            calibration = measure_labels(run.best, text, held_out, run.left_out)
        metrics = Metrics(
            held_out=held_out,
            training=run.stats(),
            calibration=calibration.facts() if calibration else None,
            peak_memory_bytes=peak_memory_bytes(),
            corpus=text.folder.name,
            provenance=provenance(),
        )
        with without_reports():
            folder.publish(lambda path: export(run.best, text.vocabulary, path, calibration))
        write_card(TrainedRun(folder, plan.config, text.vocabulary, metrics))
        metrics.save(folder.metrics)
        remove(folder.checkpoints)
    return metrics

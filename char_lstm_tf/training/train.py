"""A whole run: text in, a trained, measured and exported model out."""

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from char_lstm_tf.config import Config
from char_lstm_tf.runs import text_lines
from char_lstm_tf.runs.cluster import Cluster
from char_lstm_tf.runs.metrics import Metrics
from char_lstm_tf.runs.plan import Plan, outcome_of
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.runs.provenance import peak_memory_bytes, provenance
from char_lstm_tf.training.fitting.signals import Signals
from pipelines import UserError, corpus, sources
from pipelines.files import path_of, remove
from pipelines.sources import datasets
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.training.counting import CountingRun
    from char_lstm_tf.training.run import Run

MOST_ONE_HOT = 10_000  # numbers in a one-hot vector; 41 MB for a batch of 16 × 64


def train(plan: Plan, signals: Signals | None = None) -> Metrics | None:
    """Trains, measures and exports a model, and leaves everything in the run's folder.

    Samples go to stdout, everything else to stderr. A resumed run continues from its newest checkpoint, and the result
    is bit-for-bit that of an uninterrupted run. A run that has finished is left as it is.

    Args:
        plan: the run.
        signals: after which it stops with a checkpoint. None: the process belongs to another program, which may call
            this from any thread. Its signals and its settings of TensorFlow stay as they are.

    Returns:
        What is known of the run; None of a worker that isn't the chief.

    Raises:
        UserError: the text can't be read or is too short, or the folder can't be written.
        DivergedError: the loss became NaN or infinite. The newest checkpoint is older.
        StoppedError: a signal asked the process to stop, and a checkpoint was saved.
    """
    if plan.cluster:
        return _train_together(plan, plan.cluster, signals)
    config = plan.config
    if _is_finished(plan):
        return plan.folder.load_metrics()
    text = prepare_text(plan)
    _show(text, config)
    import_tensorflow(verbose=config.verbose)
    # TensorFlow takes seconds to import, so a mistake in the text shows first.
    from char_lstm_tf.models import recurrent
    from char_lstm_tf.training import workers
    from char_lstm_tf.training.counting import CountingRun
    from char_lstm_tf.training.run import Run

    if signals is None:
        recurrent.keep_memory()
    else:
        recurrent.set_up_tensorflow(config, config.batch_size, len(text.vocabulary))
    if config.architecture == "counts":
        return _finish(plan, text, CountingRun(plan, text))
    return _finish(plan, text, Run(plan, text, workers.of_this_machine(), signals))


def _train_together(plan: Plan, cluster: Cluster, signals: Signals | None) -> Metrics | None:
    """Trains as one of several workers. Returns and raises as `train`.

    Raises:
        LostWorkerError: another worker has ended.
    """
    config = plan.config
    if config.architecture == "counts" or config.gradient_steps:
        flag = "gradient_steps" if config.gradient_steps else "architecture=counts"
        raise UserError(f"--{flag}: works on one machine alone; leave it out, or unset TF_CONFIG")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow tells of a lost worker in ten lines
    import_tensorflow(verbose=config.verbose)
    from char_lstm_tf.training import workers
    from char_lstm_tf.training.run import Run

    everyone = workers.join(cluster, config)
    with everyone.watched(), tempfile.TemporaryDirectory() as temporary:
        if everyone.of_chief(_is_finished(plan)):
            return plan.folder.load_metrics() if everyone.chief else None
        if everyone.chief:
            text = prepare_text(plan)
            _show(text, config)
            everyone.wait()
        else:
            everyone.wait()  # if the folder is shared, the text is there now
            text = prepare_text(plan)
            plan.folder.shuffled = Path(temporary)
        everyone.require_same("text", text.folder.name)
        everyone.require_same("flags", outcome_of(config))
        run = Run(plan, text, everyone, signals)
        if not everyone.chief:
            run.fit()
            everyone.wait()
            return None
        metrics = _finish(plan, text, run)
        with suppress(workers.LostWorkerError), everyone.watched():
            everyone.wait()  # until now, because TensorFlow takes a worker that has ended for a lost one
        return metrics


def _is_finished(plan: Plan) -> bool:
    """Returns whether a run that is to be resumed has nothing left to do, and says so."""
    folder = plan.folder
    if not (plan.config.resume and folder.started and folder.state == "finished"):
        return False
    more = f"--init_from={folder.path} with another --name trains its model further"
    print(f"{folder.path} is finished: nothing to resume; {more}", file=sys.stderr)
    return True


def _show(text: corpus.Corpus, config: Config) -> None:
    """Says what is in a text. Raises UserError if its one-hot vectors would be too long."""
    if not config.quiet:
        print(*text_lines.facts(text, deduplicates=config.deduplicate), sep="\n", file=sys.stderr)
    _require_memory(config, len(text.vocabulary))
    for warning in text_lines.warnings(text, split=config.split):
        print(warning, file=sys.stderr)


def _finish(plan: Plan, text: corpus.Corpus, run: "Run | CountingRun") -> Metrics:
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
        folder.publish(lambda path: export(run.best, text.vocabulary, path, calibration))
        metrics.save(folder.metrics)
        remove(folder.checkpoints)
    return metrics


def _require_memory(config: Config, vocabulary_size: int) -> None:
    """Raises UserError if one-hot vectors would be too long."""
    if config.architecture != "counts" and config.input_encoding == "one_hot" and vocabulary_size > MOST_ONE_HOT:
        megabytes = config.batch_size * config.window * vocabulary_size * 4 / 1e6
        raise UserError(
            f"--encoding=one_hot: vectors of {vocabulary_size:,} numbers would take {megabytes:,.0f} MB a batch, and "
            f"{MOST_ONE_HOT:,} are the most; use --encoding=embedding, or fewer --max_words or --max_vocabulary"
        )


def prepare_text(plan: Plan) -> corpus.Corpus:
    """Returns the text of a run as ids. Ids of the run it starts from stay the same.

    Raises:
        UserError: the text can't be found or read.
    """
    config, folder = plan.config, _data_dir(plan.config) / "corpora"
    progress = plan.folder.newest_progress() if config.resume else None
    if progress and (found := _text_of_checkpoint(config, folder / Progress.load(progress).corpus)):
        return found
    return corpus.prepare(
        find_sources(config),
        split=config.split,
        documents=config.documents != "text",
        labelled=bool(config.labels),
        deduplicate=config.deduplicate,
        max_vocabulary=config.max_vocabulary,
        max_words=config.max_words if config.tokens == "words" else 0,
        folder=folder,
        known=plan.origin.vocabulary if plan.origin else None,
    )


def _text_of_checkpoint(config: Config, prepared: Path) -> corpus.Corpus | None:
    """Returns the encoded text that a run was trained on; None if it is gone, or its files have changed.

    Files that were moved are known by their hashes. If they were deleted, the encoded text is all that is needed.
    """
    try:
        found = corpus.Corpus.load(prepared)
    except UserError:
        return None
    try:
        unchanged = tuple(source.fingerprint() for source in find_sources(config)) == found.fingerprints
    except UserError as error:
        print(f"{error}; continuing with the encoded text in {prepared}", file=sys.stderr)
        return found
    return found if unchanged else None


def find_sources(config: Config) -> list[sources.Source]:
    """Returns the sources of a configuration: files, books, a dataset, or else the language reference."""
    data_dir, mirror = _data_dir(config), config.mirror
    if config.text:
        return sources.text_documents(
            config.text,
            config.reader,
            documents=config.documents,
            text_field=config.text_field,
            labels=config.labels,
            label_field=config.label_field,
        )
    source: sources.Source = sources.LanguageReference()
    if config.books:
        source = datasets.books(config.books, data_dir=data_dir, mirror=mirror, max_books=config.max_books)
    if config.tfds:
        text_key = config.tfds_text_key
        source = datasets.dataset(config.tfds, text_key=text_key, data_dir=data_dir, mirror=mirror)
    if config.documents == "lines":
        source = sources.Lines(source)
    return [sources.Plain(source) if config.reader.plain else source]


def _data_dir(config: Config) -> Path:
    return path_of(config.data_dir)

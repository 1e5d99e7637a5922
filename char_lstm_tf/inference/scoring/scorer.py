"""How well a model predicts a text: one pass over it, with the state carried from its first to its last character."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.scoring.bits import bit_logits
from char_lstm_tf.inference.scoring.packing import balanced_rows, rectangle, row_of_texts
from char_lstm_tf.inference.scoring.protocol import TokenScorer, progress_bar
from char_lstm_tf.inference.scoring.score import Score, Words
from char_lstm_tf.models import cores
from char_lstm_tf.models.network import Network, State, filled_up
from pipelines.corpus import DocumentRange, IdRange
from pipelines.vocabulary import Vocabulary

ROWS = 16  # texts read in parallel: 75,000 characters per second with 2×128 units on two cores; 46,000 for one text
MANY_ROWS, MANY = 64, 200  # rows for at least this many texts
MAX_LOGITS = 1 << 24  # in memory at a time; 64 MB
# Outputs of the network, targets and labels → what is said of each target, float32 `[B, N, …]`.
Predict = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class Scorer(TokenScorer):
    """Scores texts with the weights that the network has at the time of the call.

    Texts are packed into 1, 4, 16 or 64 rows, for which the loop is compiled, and each is read from a fresh state.

    Args:
        network: predicts them.
        vocabulary: its vocabulary.
        chunk: characters of a call of the compiled loop. The result doesn't depend on it.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary, *, chunk: int = 1000) -> None:
        super().__init__(vocabulary)
        self._network, self._chunk = network, chunk
        self._size, self._lengths, self._words = len(vocabulary), vocabulary.lengths, Words(vocabulary)
        self._nats_of_each, self._losses_per_label, self._bits_of_each = map(
            self._on_all_cores,
            (network.nats, lambda outputs, targets, _: network.nats(outputs, targets), self._bit_logits),
        )

    def _on_all_cores(self, predict: Predict) -> Callable[..., tuple[tf.Tensor, State]]:
        """Returns `_read_chunk`, compiled, with the rows split into a group for each core.

        XLA makes the loop ten times faster at one row, where nearly all of it is overhead, but runs it on one core,
        except for large products.
        """
        compiled = tf.function(partial(self._read_chunk, predict), jit_compile=True, autograph=False)

        @partial(tf.function, autograph=False)
        def read(*rows: tf.Tensor, states: State, length: tf.Tensor) -> tuple[tf.Tensor, State]:
            split_rows = partial(cores.split_rows, parts=cores.group_count(rows[0].shape[0]))
            split = zip(*map(split_rows, (*rows, *states)), strict=True)
            found = [compiled(*part[: len(rows)], list(part[len(rows) :]), length) for part in split]
            nats, states = zip(*found, strict=True)
            return tf.concat(nats, axis=0), [tf.concat(parts, axis=0) for parts in zip(*states, strict=True)]

        return read

    def _read_chunk(
        self,
        predict: Predict,
        ids: tf.Tensor,
        targets: tf.Tensor,
        fresh: tf.Tensor,
        labels: tf.Tensor,
        states: State,
        length: tf.Tensor,
    ) -> tuple[tf.Tensor, State]:
        # The last layer reads all places at once: one large matrix product is several times as fast as many small ones.
        outputs, states = self._network.read_all(ids, states, count=length, fresh=fresh)
        return predict(outputs, targets, labels), states

    def _bit_logits(self, outputs: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return bit_logits(self._network.logits(outputs, labels), targets, self._vocabulary.ranks)

    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        return self._read(self._nats_of_each, texts, labels, (), quiet=quiet)

    def _bits(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        return self._read(self._bits_of_each, texts, labels, (self._vocabulary.bits,), quiet=quiet)

    def losses_per_label(self, texts: Sequence[np.ndarray], *, quiet: bool = False) -> list[np.ndarray]:
        """Returns what `nats_of_each` does, but under each label, float32 `[N - 1, L]`, in one pass over the texts."""
        return self._read(self._losses_per_label, texts, (), (self._labels,), quiet=quiet)

    def _read(
        self,
        nats_of_chunk: Callable[..., tuple[tf.Tensor, State]],
        texts: Sequence[np.ndarray],
        labels: Sequence[int],
        shape: tuple[int, ...],
        *,
        quiet: bool,
    ) -> list[np.ndarray]:
        """Returns the losses of texts, `[N - 1, *shape]`, in the order in which they were given."""
        lengths = [max(len(ids) - 1, 0) for ids in texts]
        rows = MANY_ROWS if len(texts) >= MANY else min(filled_up(max(len(texts), 1)), ROWS)
        groups = balanced_rows(lengths, rows=min(rows, self._network.most_rows))
        labelled = list(zip(texts, labels or [0] * len(texts), strict=True))
        with progress_bar(sum(lengths), disable=True if quiet else None) as progress:
            packed_rows = [[labelled[number] for number in group] for group in groups]
            found = self._nats_of_rows(nats_of_chunk, packed_rows, shape, progress)
        nats = [np.empty((length, *shape), np.float32) for length in lengths]
        for group, row in zip(groups, found, strict=True):
            edges = np.cumsum([0, *(lengths[number] for number in group)])
            for number, start, end in zip(group, edges[:-1], edges[1:], strict=True):
                nats[number][:] = row[start:end]
        return nats

    def _nats_of_rows(
        self,
        nats_of_chunk: Callable[..., tuple[tf.Tensor, State]],
        rows: list[list[tuple[np.ndarray, int]]],
        shape: tuple[int, ...],
        progress: tqdm,
    ) -> list[np.ndarray]:
        """Returns the losses of the texts in each row, one after the other."""
        columns = list(zip(*map(row_of_texts, rows), strict=True))
        found = [np.empty((len(row), *shape), np.float32) for row in columns[0]]
        states = self._network.start(len(rows))
        longest = max(map(len, found))
        size = self._size_of_chunk(longest, rows=len(rows))
        for start in range(0, longest, size):
            end = min(start + size, longest)
            padded = [rectangle(column, start, size) for column in columns]
            length = tf.constant(end - start)
            nats, states = nats_of_chunk(*map(tf.constant, padded), states=states, length=length)
            for row, values in zip(found, nats.numpy(), strict=True):
                part = row[start:end]
                part[:] = values[: len(part)]
                progress.update(len(part))
        return found

    def _size_of_chunk(self, longest: int, *, rows: int = 1) -> int:
        """Returns how many characters of each row to read at once."""
        logits = rows * self._size * max(self._labels, 1)  # for each place: the last layer computes those of all labels
        return self._network.places(longest, most=max(min(self._chunk, MAX_LOGITS // logits), 1))

    def score(self, ids: np.ndarray | IdRange | DocumentRange) -> Score:
        """Returns the score of a text of at least two characters, or of documents. Memory doesn't grow with either.

        A running text is read in one pass from a fresh state; so is each document, under its label if it has one.
        """
        return self._score_documents(ids) if isinstance(ids, DocumentRange) else self._score_text(ids)

    def _score_text(self, ids: np.ndarray | IdRange) -> Score:
        total = Score(0, 0.0, self._words.count(ids[:1]), int(ids[:1][0] == 0))
        states = self._network.start(1)
        longest = len(ids) - 1
        size = self._size_of_chunk(longest)
        with progress_bar(longest, leave=False) as progress:
            for start in range(0, longest, size):
                chunk = ids[start : start + size + 1]
                values = chunk[:-1], chunk[1:], np.zeros(size, bool), np.zeros(size, np.int32)
                read = [rectangle([part], 0, size) for part in values]
                length = tf.constant(len(chunk) - 1)
                losses, states = self._nats_of_each(*map(tf.constant, read), states=states, length=length)
                nats = float(losses.numpy()[0, : len(chunk) - 1].sum(dtype=np.float64))
                words, unknown = self._words.count_after_first(chunk), int(np.count_nonzero(chunk[1:] == 0))
                total += Score(int(self._lengths[chunk[1:]].sum()), nats, words, unknown)
                progress.update(len(chunk) - 1)
        return total

    def _score_documents(self, documents: DocumentRange) -> Score:
        total, each = Score(0, 0.0, 0, 0), []
        with progress_bar(len(documents.ids) - 1, leave=False) as progress:
            for part in documents.groups():
                texts = part.each()
                labels = [] if part.labels is None else part.labels.tolist()
                nats = self.nats_of_each(texts, labels, quiet=True)
                characters, unknown = int(self._lengths[part.ids[1:]].sum()), int(np.count_nonzero(part.ids == 0))
                losses = [float(values.sum(dtype=np.float64)) for values in nats]
                each += [loss / int(self._lengths[ids[1:]].sum()) for loss, ids in zip(losses, texts, strict=True)]
                words = self._words.count_after_first(part.ids)
                total += Score(characters, sum(losses), words, unknown, len(texts))
                progress.update(len(part.ids) - 1)
        return total.of_documents(each)

"""Flags of the batches and of the model."""

import dataclasses
import types

from pipelines.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchConfig(Options):
    """Batches: how the text is cut for the network."""

    batching: str = option(
        "",
        "stream: each row of a batch continues where the same row of the previous batch ended, and the LSTM state is "
        "carried over (truncated backpropagation through time). shuffled: every window once per epoch, in a new order, "
        "from a zero state. Default: stream for --target=sequence, shuffled for the others.",
        choices=("", "stream", "shuffled"),
    )
    target: str = option(
        "sequence",
        "What is predicted. sequence: the character after each position of a window. next_char: the one after its last "
        "position. label: the label of a document, which is read as a whole; such a model classifies and writes no "
        "text.",
        choices=("sequence", "next_char", "label"),
    )
    encoding: str = option(
        "",
        "What the network reads: one_hot vectors, or ids that go through an embedding layer. Default: one_hot for "
        "--tokens=chars, embedding for words.",
        choices=("", "one_hot", "embedding"),
    )
    batch_size: int = option(16, "Windows in a batch.", at_least=1)
    window: int = option(
        64,
        "Characters in a window. Gradients reach back this far, and it is all that --architecture=ngram and "
        "--bidirectional see. For --target=label: a document longer than 16 windows is cut into parts of at most this "
        "length.",
        at_least=1,
    )
    stride: int = option(
        0,
        "Characters from the start of one shuffled window to the start of the next. Default: --window for "
        "--target=sequence, so that each character is predicted once, and 3 for next_char.",
        at_least=0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(Options):
    """Model: the network. With the size of the vocabulary, these flags fix the shape of every weight."""

    former_names = types.MappingProxyType({"ngrams": "pieces_and_pairs"})

    architecture: str = option(
        "sequential",
        "sequential: the classic stack of recurrent layers. functional: the last layer reads the outputs of all "
        "recurrent layers, which helps deep stacks to train; for --target=label, the vectors of the tokens too. ngram: "
        "no recurrence, the last --window characters go through dense layers. counts: no network and no training "
        "steps; the training text's sequences of up to --order characters are counted and smoothed (interpolated "
        "Kneser-Ney). linear: for --target=label, no network and no training steps; a linear model of the words, pairs "
        "of words, and sequences of two to six characters of a text, which is fitted in seconds.",
        choices=("sequential", "functional", "ngram", "counts", "linear"),
    )
    order: int = option(
        6,
        "Length of the longest sequences that --architecture=counts counts, the predicted character included.",
        at_least=2,
        at_most=64,
    )
    ngram_inputs: str = option(
        "concat",
        "How --architecture=ngram joins the vectors of its characters. concat: one after the other. bag: added up, "
        "which loses their order.",
        choices=("concat", "bag"),
    )
    bidirectional: bool = option(
        False,
        "The first recurrent layer of the sequential stack reads its window in both directions. The next layer reads "
        "both outputs, so give it twice the units. Only for --target=next_char.",
    )
    cell: str = option(
        "lstm",
        "Recurrent cell. rnn: tanh of one sum. peephole: an LSTM whose gates see the cell state. coupled: an LSTM "
        "whose input gate is 1 minus its forget gate, with three quarters of the weights.",
        choices=("lstm", "gru", "rnn", "peephole", "coupled"),
    )
    units: tuple[int, ...] = option(
        (128, 128),
        "Units of each recurrent layer (for ngram: of each hidden dense layer), first layer first.",
        at_least=1,
    )
    embedding_size: int = option(32, "Width of the embedding, for --encoding=embedding.", at_least=1)
    tie: bool = option(
        False,
        "The last layer has the vectors of the embedding as its weights, behind a projection from --units to "
        "--embedding_size. With many words, that saves most of the weights.",
    )
    pieces_and_pairs: bool = option(
        False,
        "For --target=label: the vector of a word is its own plus those of the pieces of its spelling, 3 to 5 letters "
        "each, and each pair of neighbouring tokens votes for labels. That helps where there are only some thousand "
        "documents, in which most words are rare.",
    )
    linear: bool = option(
        False,
        "For --target=label: half of the answer is that of a linear model of the text's words, pairs of words, and "
        "sequences of two to six characters. It is fitted before the network is trained, which takes seconds, and "
        "helps where there are only some thousand documents.",
    )
    sampled_softmax: int = option(
        0,
        "In training, compare the right token with this many others instead of with all: half of them the most "
        "frequent ones, half drawn at random. With many words that saves most of the time of a step; 2000 is a good "
        "number. The training loss is then an estimate, and there is no accuracy; held-out text is measured exactly. "
        "0: all.",
        at_least=0,
    )
    dropout: float = option(
        0.0,
        "Share of each recurrent layer's outputs that is dropped in training. 0.2 to 0.5 helps when a text is read "
        "many times. For --target=label: share of each layer's inputs, and half as large a share of whole tokens.",
        at_least=0,
        below=1,
    )

    def check(self) -> None:
        """Checks that there is a layer, and not too many."""
        super().check()
        self.require(bool(self.units), "units", "must have a size for each layer, such as 128,128")
        self.require(len(self.units) <= 64, "units", "must be at most 64 layers")

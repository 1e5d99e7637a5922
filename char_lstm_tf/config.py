"""Every flag of `train`: its default, its meaning, and what it may be.

Flags come in groups, a dataclass each. `Config` is all of them together: `Config(text=("book.txt",), name="book")`.
"""

import dataclasses
import math
import re
from typing import Any

from pipelines import UserError
from pipelines.gutenberg import DEFAULT_MIRROR
from pipelines.options import Options, format_flag, has_raw_bytes, option, unescaped
from pipelines.sources import Reader

PARTS = 16  # windows in the longest part of a document that --target=label trains on
_TRAINING_STEPS = ("init_from", "vectors", "freeze", "max_steps", "gradient_steps", "patience", "plateau_patience")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextConfig(Options):
    """Text: where it comes from, how it is cleaned and split."""

    text: tuple[str, ...] = option(
        (),
        "Files, folders (their *.txt files) or globs to train on. Repeat the flag, or separate them by commas. "
        "Without any source: the language reference that comes with Python.",
    )
    books: str = option(
        "",
        "Books of Project Gutenberg instead of --text: numbers such as 2600,1399, or a search of its catalogue such as "
        "'author:Tolstoy language:en' (also title:, subject:, id:).",
    )
    tfds: str = option(
        "",
        "A text dataset of TensorFlow Datasets instead of --text: gutenberg/war_and_peace, gutenberg/shakespeare, "
        "gutenberg/anna_karenina, gutenberg/frankenstein, gutenberg/classics, tiny_shakespeare, pg19 …",
    )
    tfds_text_key: str = option("text", "The feature of --tfds that holds the text.")
    mirror: str = option(
        DEFAULT_MIRROR,
        "Mirror of Project Gutenberg to download from, at one file in two seconds.",
    )
    max_books: int = option(25, "A --books search that finds more books than this is an error.", at_least=1)
    documents: str = option(
        "text",
        "What a document is: a text with a beginning and an end, which the model learns to begin and to end. text: "
        "there are none, all is one running text. files: each file, book or record. lines: each line. rows: each row "
        "of .tsv, .csv and .jsonl files. Documents are read in a new order each epoch, and each by itself.",
        choices=("text", "files", "lines", "rows"),
    )
    text_field: str = option(
        "text",
        "Where the text of --documents=rows is: the name of a column, or its number from 1 in a table without a line "
        "of names; in .jsonl, the key.",
    )
    labels: str = option(
        "",
        "Where the label of a document comes from: its author, its sentiment, whatever it is an example of. The model "
        "learns how each label writes, so that sample --label writes like it and classify recognizes it. folder: the "
        "name of the folder that its file is in. file: that of the file, without .txt. field: a column of rows. Empty: "
        "there are no labels.",
        choices=("", "folder", "file", "field"),
    )
    label_field: str = option(
        "label", "Where the label of --labels=field is: the name of a column or its number, as for --text_field."
    )
    deduplicate: bool = option(False, "Drop documents that have the same text as an earlier one.")
    text_encoding: str = option(
        "", "Encoding of the --text files, such as latin-1. Bytes that it lacks become U+FFFD. Detected by default."
    )
    clean: bool = option(
        True, "Remove Project Gutenberg's headers, footers and licences. --noclean keeps files as they are."
    )
    normalize: str = option(
        "nfc",
        "nfc: compose accents, unless --noclean. plain: also give all texts one typography and layout, so that it "
        "learns authors and not editions: quotes, dashes, ellipses and ligatures in ASCII, no _emphasis_, and one "
        "blank for each run of blanks and line ends.",
        choices=("nfc", "plain"),
    )
    tokens: str = option(
        "chars",
        "What the model reads and writes. chars: characters. words: the --max_words most frequent words, and "
        "characters: a rarer word is spelled, so that none is unknown. Losses are nats a character for both.",
        choices=("chars", "words"),
    )
    max_words: int = option(
        20_000,
        "How many words --tokens=words has. A blank belongs to the word after it; a word with a capital letter is "
        "another word.",
        at_least=1,
        at_most=1_000_000,
    )
    split: tuple[float, ...] = option(
        (0.9, 0.05, 0.05),
        "Shares of the text for training, validation and test. Running text is split in this order. A hash of its text "
        "decides where a document goes, so that the same text never stands in two parts.",
        at_least=0,
        at_most=1,
    )
    max_vocabulary: int = option(
        0,
        "Largest number of different characters, for Chinese or Japanese. Rarer ones become the unknown "
        "character. 0: no limit.",
        at_least=0,
    )
    data_dir: str = option(
        "~/.cache/char_lstm_tf",
        "Folder for downloads and for encoded texts. Runs share it.",
        outcome=False,
    )

    @property
    def reader(self) -> Reader:
        """How the text is read."""
        return Reader(encoding=self.text_encoding, clean=self.clean, plain=self.normalize == "plain")

    @property
    def prompt_reader(self) -> Reader:
        """How texts for the trained model are read. The encoding of the training text is tried, but not forced."""
        cleaned = self.clean and self.tfds.split("/")[0] in ("", "gutenberg")  # other datasets are left as they are
        return Reader(expected=self.text_encoding, clean=cleaned, plain=self.normalize == "plain")

    def check(self) -> None:
        """Checks the sources and the split."""
        super().check()
        sources = [f"--{name}" for name in ("text", "books", "tfds") if getattr(self, name)]
        if len(sources) > 1:
            raise UserError(f"{' and '.join(sources)}: give only one source; leave the others out")
        if self.books or self.tfds:
            self.require(not self.text_encoding, "text_encoding", "goes with --text alone; leave it out")
            self.require(self.clean, "clean", "goes with --text alone; leave it out")
        rows = self.documents == "rows"
        self.require(bool(self.text) or not rows, "documents", "reads tables; name them, such as --text=table.csv")
        self.require(bool(self.text_field), "text_field", "must be the name of a column, or its number from 1")
        self.require(self.text_field != "0", "text_field", "columns are counted from 1")
        self.require(rows or not self.is_given("text_field"), "text_field", "only has an effect with --documents=rows")
        self._check_labels()
        self.require(
            self.documents != "text" or not self.deduplicate,
            "deduplicate",
            "only has an effect with --documents=files, lines or rows; leave it out",
        )
        self.require(
            self.max_vocabulary != 1,
            "max_vocabulary",
            "must be at least 2, the unknown character and another one, or 0 for no limit",
        )
        self.require(
            len(self.split) == 3 and math.isclose(sum(self.split), 1, abs_tol=1e-6),
            "split",
            "must be three shares that add up to 1, for training, validation and test, such as 0.9,0.05,0.05",
        )
        self.require(self.split[0] > 0, "split", "the share for training must be above 0")

    def _check_labels(self) -> None:
        """Checks that labels have documents and a place to come from."""
        rows, field = self.documents == "rows", self.labels == "field"
        self.require(
            self.documents != "text" or not self.labels,
            "labels",
            "documents have labels, and a running text has no documents; add --documents=files, lines or rows",
        )
        self.require(bool(self.text) or not self.labels, "labels", "goes with files of your own; name them with --text")
        self.require(rows or not field, "labels", "names a column of --documents=rows; use folder or file, or rows")
        self.require(bool(self.label_field), "label_field", "must be the name of a column, or its number from 1")
        self.require(self.label_field != "0", "label_field", "columns are counted from 1")
        self.require(field or not self.is_given("label_field"), "label_field", "only has an effect with --labels=field")
        self.require(
            not field or self.label_field != self.text_field,
            "label_field",
            "is the column of the text; name that of the labels",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchConfig(Options):
    """Batches: how the text is cut for the network."""

    batching: str = option(
        "",
        "stream: each row of a batch continues where the same row of the previous batch ended, and the LSTM state is "
        "carried over (truncated backpropagation through time). shuffled: every window once an epoch, in a new order, "
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
        "Characters in a window. Gradients reach back this far, and --architecture=ngram and --bidirectional see "
        "nothing else. For --target=label: a document longer than 16 windows is cut into parts of at most this length.",
        at_least=1,
    )
    stride: int = option(
        0,
        "Characters from the start of one shuffled window to the start of the next. Default: --window for "
        "--target=sequence, so that each character is predicted once, and 3 for next_char.",
        at_least=0,
    )

    def check(self) -> None:
        """Checks that a stride has something to apply to."""
        super().check()
        self.require(
            self.batch_order == "shuffled" or not self.stride,
            "stride",
            "windows of --batching=stream follow each other; leave it out, or use --batching=shuffled",
        )

    @property
    def batch_order(self) -> str:
        """`stream` or `shuffled`: --batching, or what follows from --target."""
        return self.batching or ("stream" if self.target == "sequence" else "shuffled")

    @property
    def window_stride(self) -> int:
        """Characters from one window to the next; 0 for a stream, which has no stride."""
        if self.batch_order == "stream" or self.target == "label":
            return 0
        return self.stride or (3 if self.target == "next_char" else self.window)

    @property
    def longest_part(self) -> int:
        """Tokens of the longest part of a document that --target=label trains on."""
        return PARTS * self.window


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(Options):
    """Model: the network. With the size of the vocabulary, these flags fix the shape of every weight."""

    architecture: str = option(
        "sequential",
        "sequential: the classic stack of recurrent layers. functional: the last layer reads the outputs of all "
        "recurrent layers, which helps deep stacks to train; for --target=label, the vectors of the tokens too. ngram: "
        "no recurrence, the last --window characters go through dense layers. counts: no network and no training "
        "steps; the training text's sequences of up to --order characters are counted and smoothed (interpolated "
        "Kneser-Ney).",
        choices=("sequential", "functional", "ngram", "counts"),
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
    ngrams: bool = option(
        False,
        "For --target=label: the vector of a word is its own plus those of the pieces of its spelling, 3 to 5 letters "
        "each, and each pair of neighbouring tokens votes for labels. That helps where there are only some thousand "
        "documents, in which most words are rare.",
    )
    sampled_softmax: int = option(
        0,
        "In training, compare the token that came with this many tokens, instead of with all: the most frequent ones, "
        "and as many that are drawn. With many words that saves most of the time of a step; 2000 is a good number. The "
        "loss that training shows is then an estimate, and there is no accuracy; what is held out is measured exactly. "
        "0: all.",
        at_least=0,
    )
    dropout: float = option(
        0.0,
        "Share of each recurrent layer's outputs that is dropped in training. 0.2 to 0.5 helps when a text is read "
        "many times. For --target=label: of what each layer reads, and half as large a share of whole tokens.",
        at_least=0,
        below=1,
    )

    def check(self) -> None:
        """Checks that there is a layer, and that reading in both directions is possible."""
        super().check()
        self.require(bool(self.units), "units", "must have a size for each layer, such as 128,128")
        self.require(len(self.units) <= 64, "units", "must be at most 64 layers")
        self.require(
            not self.bidirectional or self.architecture == "sequential",
            "architecture",
            "--bidirectional goes with the sequential stack alone; leave one of the two out",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig(Options):
    """Training: how the weights are found."""

    init_from: str = option(
        "",
        "Start from the best weights of another run: its folder, such as saved_models/quickstart. Its sizes are taken "
        "over, and so are --target and --window unless given. Characters it doesn't know get ids after its own.",
    )
    vectors: str = option(
        "",
        "Start the embedding from vectors of words: a file in the text format of word2vec or GloVe, gzip or not, with "
        "--embedding_size numbers a word. A token that isn't in it starts from random numbers of the same spread.",
    )
    freeze_vectors: bool = option(False, "Keep the embedding as --vectors gives it, and train the rest.")
    freeze: int = option(
        0,
        "The first layers of --init_from that keep their weights; an embedding is not counted and is kept with them. "
        "In a one-hot first layer, new characters then keep random weights.",
        at_least=0,
    )
    epochs: int = option(10, "Passes over the training text.", at_least=1)
    max_steps: int = option(0, "Stop after this many batches, even in the middle of an epoch. 0: no limit.", at_least=0)
    optimizer: str = option("adamw", "Optimizer.", choices=("adam", "adamw", "rmsprop", "sgd"))
    learning_rate: float = option(8e-3, "Highest learning rate of the schedule.", above=0, below=math.inf)
    schedule: str = option(
        "cosine",
        "Learning rate over the run. constant. cosine: a linear warm-up, then down to --final_learning_rate. "
        "exponential: down to --final_learning_rate from the first batch on.",
        choices=("constant", "cosine", "exponential"),
    )
    warmup_steps: int = option(
        100,
        "Batches in which the learning rate of --schedule=cosine rises from zero; at most half of the run.",
        at_least=0,
    )
    final_learning_rate: float = option(
        0.05, "Learning rate at the end, as a share of --learning_rate.", above=0, at_most=1
    )
    weight_decay: float = option(0.004, "Decoupled weight decay of adamw.", at_least=0)
    l1: float = option(
        0.0,
        "L1 penalty on the elements of kernels and recurrent kernels in training. The loss that is shown leaves it "
        "out: it stays nats a character.",
        at_least=0,
    )
    l2: float = option(0.0, "L2 penalty on the same elements. adamw's --weight_decay usually does better.", at_least=0)
    average: float = option(
        0.0,
        "Measure and keep an average of the weights, which is often better than the last ones: each step keeps this "
        "share of it and takes the rest from the new weights, so 0.995 averages over some 200 steps. 0: the last ones.",
        at_least=0,
        below=1,
    )
    clipnorm: float | None = option(
        None,
        "Clip the gradient of each weight matrix to this norm. 0: no clipping. Default: 1, unless another clip is "
        "given.",
        at_least=0,
    )
    global_clipnorm: float | None = option(None, "Clip the gradient of all weights together to this norm.", at_least=0)
    clipvalue: float | None = option(None, "Clip each element of a gradient to this absolute value.", at_least=0)
    patience: int = option(
        0, "Stop after this many epochs without a lower validation loss. 0: don't stop early.", at_least=0
    )
    plateau_patience: int = option(
        0,
        "Lower the learning rate after this many epochs without a lower validation loss. 0: don't.",
        at_least=0,
    )
    plateau_factor: float = option(0.5, "What --plateau_patience multiplies the learning rate by.", above=0, below=1)
    on_divergence: str = option(
        "stop",
        "What to do when the loss becomes NaN or infinite. stop: end with exit status 3 and keep the last good "
        "checkpoint. rollback: go back to that checkpoint and continue with half the learning rate, at most "
        "--max_rollbacks times.",
        choices=("stop", "rollback"),
        outcome=False,
    )
    max_rollbacks: int = option(5, "How often --on_divergence=rollback may go back.", at_least=0, outcome=False)
    seed: int = option(
        1,
        "Seed of the weights, dropout, the order of windows and the samples.",
        at_least=0,
        below=2**32,
    )
    gradient_steps: int = option(
        0,
        "Record the gradients every this many batches: gradients.csv and TensorBoard show their norms and how often "
        "they are clipped, gradients.png how far back in time the loss reaches. Each time costs about two batches. "
        "0: never.",
        at_least=0,
    )

    def check(self) -> None:
        """Checks that there is one way of clipping, and something to freeze."""
        super().check()
        clips = [name for name in ("clipnorm", "global_clipnorm", "clipvalue") if self.is_given(name)]
        if len(clips) > 1:
            raise UserError(f"--{' and --'.join(clips)}: give only one way of clipping; leave the others out")
        self.require(bool(self.init_from) or not self.freeze, "freeze", "keeps layers of --init_from; name a run there")

    @property
    def clipping(self) -> dict[str, float]:
        """The optimizer's argument for clipping: the one that is given, or a norm of 1 for each weight; {} for 0."""
        given = {name: getattr(self, name) for name in ("clipnorm", "global_clipnorm", "clipvalue")}
        given = {name: limit for name, limit in given.items() if limit is not None} or {"clipnorm": 1.0}
        return {name: limit for name, limit in given.items() if limit}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputConfig(Options):
    """Output: where the run is kept and what it shows."""

    name: str = option("", "Name of the run: its folder in --output_dir.", outcome=False)
    output_dir: str = option("saved_models", "Folder of all runs, one folder each.", outcome=False)
    overwrite: bool = option(False, "Replace the run of the same name.", outcome=False)
    resume: bool = option(
        False,
        "Continue the run of the same name from its newest checkpoint. --name is enough: the other flags are in the "
        "run's flags.txt. Starts the run if there is none.",
        outcome=False,
    )
    checkpoint_steps: int = option(
        0,
        "Batches from one checkpoint to the next. 0: only --checkpoint_seconds counts.",
        at_least=0,
        outcome=False,
    )
    checkpoint_seconds: float = option(
        60.0,
        "Seconds from one checkpoint to the next. A killed run repeats at most this much. 0: only --checkpoint_steps "
        "counts.",
        at_least=0,
        outcome=False,
    )
    keep: int = option(
        2, "How many of the newest checkpoints to keep, in case one is damaged.", at_least=1, outcome=False
    )
    sample_prompt: str = option("", r"What the sample after each epoch continues; \n is a new line. Empty: a new line.")
    sample_chars: int = option(300, "Characters of the sample after each epoch. 0: no sample.", at_least=0)
    sample_temperatures: tuple[float, ...] = option(
        (0.5, 1.0), "Write a sample at each of these temperatures.", at_least=0, at_most=1e6
    )
    quiet: bool = option(False, "Print only errors and the table at the end. Samples go to samples.txt.", outcome=False)
    verbose: bool = option(False, "Show TensorFlow's own messages too.", outcome=False)

    def check(self) -> None:
        """Checks the name, and that flags.txt can hold the prompt."""
        super().check()
        self.require(
            bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name)),
            "name",
            "give the run a name of letters, digits, '.', '_' and '-', such as --name=frankenstein",
        )
        self.require(not (self.resume and self.overwrite), "resume", "give it or --overwrite, not both")
        self.require(not has_raw_bytes(self.sample_prompt), "sample_prompt", "must be UTF-8; convert it")
        written = format_flag(self.sample_prompt)
        self.require(
            written == written.strip() and "\r" not in written,
            "sample_prompt",
            r"must not begin or end with a blank, which flags.txt can't hold; write a new line as \n",
        )
        self.require(
            bool(self.sample_temperatures),
            "sample_temperatures",
            "must be one or more numbers, such as 0.5,1",
        )

    @property
    def prompt(self) -> str:
        r"""The text of --sample_prompt, with \n as new lines."""
        return unescaped(self.sample_prompt)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TextConfig, BatchConfig, ModelConfig, TrainingConfig, OutputConfig):
    """Everything about a run."""

    def check(self) -> None:
        """Checks the groups, and that they fit each other."""
        super().check()
        for name in ("patience", "plateau_patience"):
            self.require(
                not getattr(self, name) or self.split[1] > 0,
                name,
                "waits for the validation loss, and --split leaves nothing to validate on",
            )
        self._check_used()
        if self.bidirectional or self.architecture == "ngram":
            self._check_windows()
        if self.target == "label":
            self._check_answers()
        for name in ("labels", "gradient_steps"):
            self.require(
                not (self.sampled_softmax and getattr(self, name)), "sampled_softmax", f"doesn't go with --{name}"
            )
        self.require(
            not self.tie or not self.labels,
            "tie",
            "a model with labels has an output layer for each, which can't all be the embedding; leave the flag out",
        )
        if self.architecture == "counts":
            for name in ("target", *_TRAINING_STEPS):
                remedy = "--architecture=counts counts every character once; leave the flag out"
                self.require(not self.is_given(name), name, remedy)

    @property
    def input_encoding(self) -> str:
        """`one_hot` or `embedding`: --encoding, or what follows from --tokens."""
        return self.encoding or ("embedding" if self.tokens == "words" else "one_hot")

    def _check_used(self) -> None:
        """Refuses flags that another flag leaves without effect."""
        for name, used, needs in (
            ("tfds_text_key", self.tfds, "--tfds"),
            ("max_books", self.books, "--books"),
            ("vectors", self.input_encoding == "embedding", "--encoding=embedding"),
            ("freeze_vectors", self.vectors, "--vectors"),
            ("max_words", self.tokens == "words", "--tokens=words"),
            ("embedding_size", self.input_encoding == "embedding", "--encoding=embedding"),
            ("tie", self.input_encoding == "embedding", "--encoding=embedding"),
            ("ngrams", self.target == "label", "--target=label"),
            ("sampled_softmax", self.tokens == "words", "--tokens=words"),
            ("order", self.architecture == "counts", "--architecture=counts"),
            ("ngram_inputs", self.architecture == "ngram", "--architecture=ngram"),
            ("cell", self.architecture in ("sequential", "functional"), "a recurrent --architecture"),
            ("weight_decay", self.optimizer == "adamw", "--optimizer=adamw"),
            ("warmup_steps", self.schedule == "cosine", "--schedule=cosine"),
            ("final_learning_rate", self.schedule != "constant", "a --schedule that falls"),
            ("plateau_factor", self.plateau_patience, "--plateau_patience"),
            ("max_rollbacks", self.on_divergence == "rollback", "--on_divergence=rollback"),
        ):
            self.require(bool(used) or not self.is_given(name), name, f"only has an effect with {needs}; leave it out")

    def _check_answers(self) -> None:
        """Checks that there are labels to answer, and nothing that only a model of text has."""
        self.require(
            bool(self.labels), "target", "answers the label of a document; say where labels come from, with --labels"
        )
        self.require(
            self.architecture in ("sequential", "functional"),
            "architecture",
            "--target=label needs recurrent layers; leave the flag out",
        )
        self.require(self.batch_order == "shuffled", "batching", "--target=label shuffles documents; leave it out")
        for name in ("stride", "sample_prompt", "gradient_steps"):
            self.require(not self.is_given(name), name, "has no effect with --target=label; leave it out")

    def _check_windows(self) -> None:
        """Checks that a model that reads whole windows is trained on one target a window, without a state."""
        model = "--bidirectional" if self.bidirectional else f"--architecture={self.architecture}"
        reason = (
            "it would see the characters that it is to predict"
            if self.bidirectional
            else "it predicts only the character after its window"
        )
        self.require(self.target == "next_char", "target", f"{model} needs --target=next_char: {reason}")
        self.require(
            self.batch_order == "shuffled",
            "batching",
            f"{model} has no state to carry from batch to batch; leave the flag out",
        )

    def resolved(self) -> dict[str, Any]:
        """Returns the value of each flag by name, in the order of `--help`. Defaults that depend on others are set."""
        names = [field.name for group in self.groups() for field in dataclasses.fields(group)]
        values = {name: getattr(self, name) for name in names}
        return values | {"batching": self.batch_order, "stride": self.window_stride, "encoding": self.input_encoding}

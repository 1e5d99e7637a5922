"""What the flags of `train` mean: the text, the model, its batches and its training, each as one of a few kinds.

`Config.settings` has them. A flag that is given and that no chosen kind has as a field is refused.
"""

from dataclasses import dataclass
from typing import Literal

from char_lstm_tf.config.variants import Variant

# Where the text comes from.


@dataclass(frozen=True, kw_only=True)
class Files(Variant, chosen_by="--text"):
    """Files of the user."""

    text: tuple[str, ...]
    text_encoding: str
    clean: bool


@dataclass(frozen=True, kw_only=True)
class Books(Variant, chosen_by="--books"):
    """Books of Project Gutenberg."""

    books: str
    max_books: int
    mirror: str


@dataclass(frozen=True, kw_only=True)
class GutenbergDataset(Variant, chosen_by="--tfds=gutenberg*"):
    """A dataset that this project builds from books of Project Gutenberg."""

    tfds: str
    tfds_text_key: str
    mirror: str


@dataclass(frozen=True, kw_only=True)
class OtherDataset(Variant, chosen_by="--tfds"):
    """A dataset of TensorFlow Datasets."""

    tfds: str
    tfds_text_key: str


@dataclass(frozen=True, kw_only=True)
class LanguageReference(Variant):
    """The reference that comes with Python."""


Source = Files | Books | GutenbergDataset | OtherDataset | LanguageReference

# What the text is cut into.


@dataclass(frozen=True, kw_only=True)
class Words(Variant, chosen_by="--tokens=words"):
    """Frequent words are tokens, besides characters."""

    max_words: int


@dataclass(frozen=True, kw_only=True)
class Characters(Variant):
    """Characters are the tokens."""


@dataclass(frozen=True, kw_only=True)
class Rows(Variant, chosen_by="--documents=rows"):
    """Documents are rows of tables."""

    text_field: str


@dataclass(frozen=True, kw_only=True)
class LabelColumn(Variant, chosen_by="--labels=field"):
    """The label of a document is in a column of its row."""

    label_field: str


@dataclass(frozen=True, kw_only=True)
class LabelName(Variant, chosen_by="--labels=folder|file"):
    """The label of a document is the name of its folder or file."""

    labels: str


@dataclass(frozen=True, kw_only=True)
class Text(Variant):
    """What all texts have."""

    source: Source
    tokens: Words | Characters
    normalize: str
    split: tuple[float, ...]
    max_vocabulary: int
    data_dir: str


@dataclass(frozen=True, kw_only=True)
class Running(Text):
    """One running text, without a beginning and an end."""


@dataclass(frozen=True, kw_only=True)
class Documents(Text, chosen_by="--documents=files|lines|rows"):
    """Texts with a beginning and an end."""

    documents: str
    rows: Rows | None
    labels: LabelColumn | LabelName | None
    deduplicate: bool


# How the text is cut for a network.


@dataclass(frozen=True, kw_only=True)
class Stream(Variant, chosen_by="--batching=stream"):
    """Each row of a batch continues where the same row of the previous one ended."""

    batch_size: int
    window: int


@dataclass(frozen=True, kw_only=True)
class Shuffled(Variant, chosen_by="--batching=shuffled"):
    """Windows in a new order each epoch, each from a zero state."""

    batch_size: int
    window: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class WholeDocuments(Variant, chosen_by="--batching=shuffled"):
    """Documents in a new order each epoch, each as a whole or in parts of at most 16 windows."""

    batch_size: int
    window: int


# How the weights of a network are found.


@dataclass(frozen=True, kw_only=True)
class AdamW(Variant, chosen_by="--optimizer=adamw"):
    """Adam with decoupled weight decay."""

    weight_decay: float


@dataclass(frozen=True, kw_only=True)
class OtherOptimizer(Variant):
    """An optimizer without options."""

    optimizer: Literal["adam", "rmsprop", "sgd"]


@dataclass(frozen=True, kw_only=True)
class Constant(Variant, chosen_by="--schedule=constant"):
    """One learning rate."""


@dataclass(frozen=True, kw_only=True)
class Cosine(Variant, chosen_by="--schedule=cosine"):
    """The learning rate rises, and then falls along a cosine."""

    warmup_steps: int
    final_learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Exponential(Variant, chosen_by="--schedule=exponential"):
    """The learning rate falls by the same factor with each step."""

    final_learning_rate: float


@dataclass(frozen=True, kw_only=True)
class FineTuning(Variant, chosen_by="--init_from"):
    """Training starts from the weights of another run."""

    init_from: str
    freeze: int


@dataclass(frozen=True, kw_only=True)
class Plateau(Variant, chosen_by="--plateau_patience"):
    """The learning rate is lowered when the validation loss doesn't fall."""

    plateau_patience: int
    plateau_factor: float


@dataclass(frozen=True, kw_only=True)
class Rollback(Variant, chosen_by="--on_divergence=rollback"):
    """A run that diverges goes back to its last checkpoint."""

    max_rollbacks: int


@dataclass(frozen=True, kw_only=True)
class Training(Variant):
    """Training by gradient descent."""

    origin: FineTuning | None
    epochs: int
    max_steps: int
    optimizer: AdamW | OtherOptimizer
    learning_rate: float
    schedule: Constant | Cosine | Exponential
    l1: float
    l2: float
    average: float
    clipnorm: float | None
    global_clipnorm: float | None
    clipvalue: float | None
    patience: int
    plateau: Plateau | None
    rollback: Rollback | None
    checkpoint_steps: int
    checkpoint_seconds: float
    keep: int


# What a network reads.


@dataclass(frozen=True, kw_only=True)
class OneHot(Variant, chosen_by="--encoding=one_hot"):
    """A vector with a 1 in the place of the token."""


@dataclass(frozen=True, kw_only=True)
class PretrainedVectors(Variant, chosen_by="--vectors"):
    """The embedding starts from vectors of words."""

    vectors: str
    freeze_vectors: bool


@dataclass(frozen=True, kw_only=True)
class Embedding(Variant, chosen_by="--encoding=embedding"):
    """A vector of weights for each token."""

    embedding_size: int
    pretrained: PretrainedVectors | None


@dataclass(frozen=True, kw_only=True)
class TextEmbedding(Embedding, chosen_by="--encoding=embedding"):
    """An embedding of a model of text, whose last layer may share its weights."""

    tie: bool


# What a model writes while it is trained.


@dataclass(frozen=True, kw_only=True)
class NoSamples(Variant, chosen_by="--sample_chars=0"):
    """No samples."""


@dataclass(frozen=True, kw_only=True)
class Samples(Variant):
    """Samples after each epoch."""

    sample_chars: int
    sample_temperatures: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class WordOutputs(Variant, chosen_by="--tokens=words"):
    """How words are compared in training."""

    sampled_softmax: int


# The models.


@dataclass(frozen=True, kw_only=True)
class TextModel(Variant):
    """What all models of text have: they write samples."""

    sample_prompt: str
    samples: NoSamples | Samples


@dataclass(frozen=True, kw_only=True)
class Counts(TextModel, chosen_by="--architecture=counts"):
    """Counted and smoothed sequences of tokens; no network."""

    order: int


@dataclass(frozen=True, kw_only=True)
class Network(TextModel):
    """What all networks that model text have."""

    units: tuple[int, ...]
    dropout: float
    inputs: OneHot | TextEmbedding
    outputs: WordOutputs | None
    training: Training
    gradient_steps: int


@dataclass(frozen=True, kw_only=True)
class NeuralNgram(
    Network,
    chosen_by="--architecture=ngram",
    reason="it predicts the character after its window",
):
    """Dense layers that read a window."""

    target: Literal["next_char"]
    batches: Shuffled
    ngram_inputs: str


@dataclass(frozen=True, kw_only=True)
class Bidirectional(
    Network,
    chosen_by="--bidirectional",
    reason="its first layer sees the whole window, so the character after it is left to predict",
):
    """Recurrent layers, of which the first one reads its window in both directions."""

    architecture: Literal["sequential"]
    target: Literal["next_char"]
    batches: Shuffled
    cell: str


@dataclass(frozen=True, kw_only=True)
class Recurrent(Network):
    """Recurrent layers that read a text token by token and carry a state."""

    architecture: Literal["sequential", "functional"]
    target: Literal["sequence", "next_char"]
    batches: Stream | Shuffled
    cell: str


@dataclass(frozen=True, kw_only=True)
class Classifier(Variant, chosen_by="--target=label", reason="it reads whole documents"):
    """Recurrent layers that read a document and answer its label."""

    architecture: Literal["sequential", "functional"]
    batches: WholeDocuments
    cell: str
    units: tuple[int, ...]
    dropout: float
    inputs: OneHot | Embedding
    ngrams: bool
    training: Training


Model = Counts | NeuralNgram | Classifier | Bidirectional | Recurrent


@dataclass(frozen=True, kw_only=True)
class Settings(Variant):
    """Everything about a run.

    Attributes:
        text: what is learnt.
        model: what learns it.
    """

    text: Documents | Running
    model: Model
    seed: int
    name: str
    output_dir: str
    overwrite: bool
    resume: bool
    quiet: bool
    verbose: bool

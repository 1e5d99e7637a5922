"""What the flags of `train` mean: the text, the model and its training, each as one of a few kinds.

`Config.settings` has them. The fields of a kind are the flags that it reads, some of them only beside another flag. A
flag that is given and that no chosen kind reads is refused.
"""

from typing import Annotated, Literal

from char_lstm_tf.config.variants import Variant


class Text(Variant):
    """What all texts have."""

    text: tuple[str, ...]
    text_encoding: Annotated[str | None, "--text"]
    clean: Annotated[bool | None, "--text"]
    books: str
    max_books: Annotated[int | None, "--books"]
    tfds: str
    tfds_text_key: Annotated[str | None, "--tfds"]
    mirror: Annotated[str | None, "--books", "--tfds=gutenberg*"]
    normalize: str
    tokens: str
    max_words: Annotated[int | None, "--tokens=words"]
    split: tuple[float, ...]
    max_vocabulary: int
    data_dir: str


class Running(Text):
    """One running text, without a beginning and an end."""


class Documents(Text, chosen_by="--documents=files|lines|rows"):
    """Texts with a beginning and an end."""

    documents: str
    text_field: Annotated[str | None, "--documents=rows"]
    labels: str
    label_field: Annotated[str | None, "--labels=field"]
    deduplicate: bool


class Training(Variant):
    """Training by gradient descent."""

    init_from: str
    freeze: Annotated[int | None, "--init_from"]
    epochs: int
    max_steps: int
    optimizer: str
    learning_rate: float
    schedule: str
    warmup_steps: Annotated[int | None, "--schedule=cosine"]
    final_learning_rate: Annotated[float | None, "--schedule=cosine|exponential"]
    weight_decay: Annotated[float | None, "--optimizer=adamw"]
    l1: float
    l2: float
    average: float
    clipnorm: float | None
    global_clipnorm: float | None
    clipvalue: float | None
    patience: int
    plateau_patience: int
    plateau_factor: Annotated[float | None, "--plateau_patience"]
    on_divergence: str
    max_rollbacks: Annotated[int | None, "--on_divergence=rollback"]
    checkpoint_steps: int
    checkpoint_seconds: float
    keep: int


class Network(Variant):
    """What all networks have."""

    units: tuple[int, ...]
    dropout: float
    encoding: str
    embedding_size: Annotated[int | None, "--encoding=embedding"]
    vectors: Annotated[str | None, "--encoding=embedding"]
    freeze_vectors: Annotated[bool | None, "--vectors"]
    batch_size: int
    window: int
    training: Training


class TextModel(Variant):
    """What all models of text have: they write samples."""

    sample_prompt: str
    sample_chars: int
    sample_temperatures: Annotated[tuple[float, ...] | None, "--sample_chars"]


class TextNetwork(TextModel, Network):
    """What all networks that model text have."""

    tie: Annotated[bool | None, "--encoding=embedding"]
    sampled_softmax: Annotated[int | None, "--tokens=words"]
    gradient_steps: int
    stride: Annotated[int | None, "--batching=shuffled"]


class Counts(TextModel, chosen_by="--architecture=counts"):
    """Counted and smoothed sequences of tokens; no network."""

    order: int


class NeuralNgram(
    TextNetwork, chosen_by="--architecture=ngram", reason="it predicts the character after its window, without a state"
):
    """Dense layers that read a window."""

    target: Literal["next_char"]
    batching: Literal["shuffled"]
    ngram_inputs: str


class Bidirectional(
    TextNetwork, chosen_by="--bidirectional", reason="it sees a whole window and predicts the character after it"
):
    """Recurrent layers, of which the first one reads its window in both directions."""

    architecture: Literal["sequential"]
    target: Literal["next_char"]
    batching: Literal["shuffled"]
    cell: str


class Recurrent(TextNetwork):
    """Recurrent layers that read a text token by token and carry a state."""

    architecture: str
    target: str
    batching: str
    cell: str


class Classifier(Network, chosen_by="--target=label", reason="it reads whole documents"):
    """Recurrent layers that read a document and answer its label."""

    architecture: str
    batching: Literal["shuffled"]
    cell: str
    ngrams: bool


Model = Counts | NeuralNgram | Classifier | Bidirectional | Recurrent


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

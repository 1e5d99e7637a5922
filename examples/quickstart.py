"""Trains a small model on the text that comes with Python, then uses it. Takes half a minute on two cores.

Each part can be a cell of a notebook.
"""

import char_lstm_tf

# Train. Every flag of `python -m char_lstm_tf.train` is a keyword of Config; without `text`, the Python language
# reference is the text. The run is kept in saved_models/example.
config = char_lstm_tf.Config(name="example", units=(128,), max_steps=300, overwrite=True, quiet=True)
metrics = char_lstm_tf.train(config)
print(f"validation loss: {metrics['validation']['nats_per_char']:.3f} nats per character")

# Write. Each prompt gets a text; the seed repeats it.
model = char_lstm_tf.load("saved_models/example")
for text in model.generate(["The ", "for "], chars=80, temperature=0.5, seed=1):
    print(repr(text))

# Score. A text that is like the training text costs fewer bits per character than one that isn't.
for text in ("The statement is executed.", "Ye olde shoppe is shut."):
    (score,) = model.score([text])
    print(f"{score.bits_per_char:.2f} bits per character, {score.characters} characters: {text!r}")

# Ask for the likeliest next characters.
for character, probability in model.next_char(["The stateme"], k=3)[0]:
    print(f"{character!r} {probability:.0%}")

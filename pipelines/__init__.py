"""Text in, batches out. Nothing here imports `char_lstm_tf`."""


class UserError(ValueError):
    """A mistake of the user. The message is one line with the flag or file, its value and the remedy.

    Commands print it and exit with `status`. Any other exception is a bug, and shows its stack trace.
    """

    status = 1

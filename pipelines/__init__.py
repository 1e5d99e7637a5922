"""Text in, batches out. Nothing here imports `char_lstm_tf`."""


class UserError(ValueError):
    """A mistake of the user's, in one line that names what was given, where, and the remedy.

    The entry points print it and exit with `status`. Anything else that is raised is a mistake of
    ours, and shows its stack trace.
    """

    status = 1

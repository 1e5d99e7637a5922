"""The files in saved_models/NAME, and how they are written and read. TensorFlow isn't needed."""

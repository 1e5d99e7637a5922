"""What is in saved_models/NAME, and how it is written and read. TensorFlow isn't needed."""

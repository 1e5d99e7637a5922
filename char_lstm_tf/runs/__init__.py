"""What lies in saved_models/NAME."""

"""One HTML page with a trained model in it. It writes and reads text in any browser, offline."""

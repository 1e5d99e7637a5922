"""Character-level language models: models in, text out. `pipelines` feeds it."""

"""Benchmarks. Each is one command."""

"""Experiment files: read, checked, completed with defaults. Nothing here imports torch."""

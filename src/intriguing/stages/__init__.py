"""The stages of the workflow: from the files of earlier jobs to the results of the next.

Each module does the work of one rule, or of two that differ little: it takes stored data and
models, calls the library, and returns what its script writes.
"""

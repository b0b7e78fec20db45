"""The stages of the workflow: from the files of earlier jobs to the results of the next.

Each module reads stored data and models, calls the library, and returns what its script writes.
"""

"""Files that one job writes and another reads. Nothing here imports torch."""

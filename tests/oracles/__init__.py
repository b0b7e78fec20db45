"""Independent answers that tests and benchmarks compare with: plain, slow, one case at a time."""

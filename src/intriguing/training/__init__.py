"""Training of networks: with labels, and without for networks of a code."""

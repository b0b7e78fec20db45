"""Tables, figures and the page, one module an artifact. Nothing here imports torch."""

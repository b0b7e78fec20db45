from .verdicts import evaluate as evaluate

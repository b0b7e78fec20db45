"""The paper's claims, judged from the tables of an experiment. Nothing here imports torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

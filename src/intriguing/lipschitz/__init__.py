"""Lipschitz bounds: certified intervals for layers and networks, and radii that follow from them.

All constants are with respect to the Euclidean norm of inputs and outputs. Importing this package
imports neither torch nor any of its modules; using a name imports the module that defines it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Single units against directions of a layer: the images that excite them most, and how alike.

Importing this package imports neither torch nor any of its modules; using a name imports the
module that defines it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

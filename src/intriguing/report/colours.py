"""The colours that have a meaning in figures and pages; the cycle is in ``figures.mplstyle``."""

INK = "#1b1e23"
"""Text, axes, ticks and outlines on the background; in an SVG a page may replace it for dark mode.

Text inside a coloured area is black or white, whichever can be read there, and never this colour.
"""

LIGHT, MIDDLE = "#d0d0d0", "#8c8c8c"
"""Greys of areas and of marks: both can be seen on white and on black."""

CERTIFIED, ADVERSARIAL, NOISE = "#0072B2", "#D55E00", "#009E73"
"""The same thing has the same colour in every figure."""

ERRORS = "magma_r"
"""Map of rates: perceptually uniform, the larger the darker."""

DIFFERENCES = "RdBu_r"
"""Map of what is below or above zero."""

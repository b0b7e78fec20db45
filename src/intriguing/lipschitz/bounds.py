"""What is known of one layer's Lipschitz constant in the Euclidean norm."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """A certified interval, and what other methods say (None where a method does not apply).

    lower : float
        Norm attained at some input, less the rounding that computing it may have added.
    upper : float
        No input does more, rounding included. For a linear layer both bound the operator norm.
    paper : float or None
        Szegedy et al. 2013, section 4.3, with the right power of the stride: the supremum of the
        symbol over all frequencies, bounded from a grid; for a dense layer its operator norm.
    paper_as_printed : float or None
        The same as printed, too small by a factor of the stride: no bound where the stride is
        larger than 1.
    unfold : float or None
        sqrt(windows that share a pixel) times the norm of the kernel reshaped to a matrix.
    article : float or None
        kernel height times width times that norm, from the article that popularised the paper.
    toeplitz : float or None
        LipBound (Araujo et al. 2021, arXiv 2006.08391), which leaves the stride out.
    gram : float or None
        Gram iteration (Delattre et al. 2023) for each frequency of a torus; single precision.
    method : str
        What gave ``upper``.
    """

    lower: float
    upper: float
    paper: float | None = None
    paper_as_printed: float | None = None
    unfold: float | None = None
    article: float | None = None
    toeplitz: float | None = None
    gram: float | None = None
    method: str = "closed form"

    @classmethod
    def exactly(cls, constant):
        """A constant that is attained and known in closed form."""
        return cls(float(constant), float(constant))


COMPARISONS = ("paper", "paper_as_printed", "unfold", "article", "toeplitz", "gram")

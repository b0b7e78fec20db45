"""Distances of adversarial images, from the images themselves."""


def norms(adversarial, images):
    """Norm of each move, float64 array (N,)."""
    return (adversarial.images - images).flatten(1).double().norm(dim=1).numpy()

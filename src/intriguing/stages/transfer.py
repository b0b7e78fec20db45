"""Transfer stage: the errors of every model on one distorted set, and on its two controls."""

from intriguing.attacks import gaussian_noise
from intriguing.stages.attack import sampled_images
from intriguing.transfer import error_matrix


def run(data, distorted, models, *, seed):
    """Errors of all models on an adversarial set or a noise set.

    Only the images that count are used: those for which an adversarial example was found (all of
    a noise set). For an adversarial set two controls on the same images tell what the distortion
    itself does: ``matched_noise`` has Gaussian noise of exactly the same distortion, image by
    image, not clipped to the box; ``clean`` are the originals.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    distorted : AdversarialSet
    models : dict of str to Module
    seed : int
        Of the matched noise.

    Returns
    -------
    pandas.DataFrame
        As `transfer.error_matrix`, with the mean distortion of each input and what made the set.
    """
    settings = distorted.settings
    noise = settings["attack"] == "gaussian_noise"
    counted = distorted.attacked if noise else distorted.success
    originals, labels = sampled_images(data, settings)
    originals, labels = originals[counted], labels[counted]
    distortion = distorted.distortion[counted]
    inputs = {"distorted": (distorted.images[counted], labels), "clean": (originals, labels)}
    mean_distortion = {"distorted": distortion.mean().item(), "clean": 0.0}
    if not noise:
        matched = gaussian_noise(originals, labels, distortion, seed=seed, exact=True)
        inputs["matched_noise"] = (matched.images, labels)
        mean_distortion["matched_noise"] = matched.distortion.mean().item()
    frame = error_matrix(models, inputs)
    frame["distortion_mean"] = frame["input"].map(mean_distortion)
    for name in ("split", "targets", "margin", "standard_deviation", "digest"):
        frame[name] = settings.get(name, "")
    return frame

"""Attacks: plain functions from a model and images to an `AdversarialSet`."""

from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.minimum import minimum_distortion
from intriguing.attacks.noise import gaussian_noise
from intriguing.attacks.penalty_method import lbfgs
from intriguing.attacks.targets import choose_targets

__all__ = ["AdversarialSet", "choose_targets", "gaussian_noise", "lbfgs", "minimum_distortion"]

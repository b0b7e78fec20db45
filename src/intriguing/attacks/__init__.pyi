from .adversarial_set import AdversarialSet as AdversarialSet
from .minimum import minimum_distortion as minimum_distortion
from .noise import gaussian_noise as gaussian_noise
from .noise import noise_tolerance as noise_tolerance
from .options import Options as Options
from .penalty_method import lbfgs as lbfgs
from .targets import choose_targets as choose_targets

from .definition import Experiment as Experiment
from .loader import read as read

from .classifier import Unsupervised as Unsupervised
from .classifier import train as train
from .minimisers import Adam as Adam
from .minimisers import History as History
from .minimisers import Lbfgs as Lbfgs

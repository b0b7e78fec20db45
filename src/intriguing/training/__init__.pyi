from .classifier import Unsupervised as Unsupervised
from .classifier import train as train
from .minimisers import Adam as Adam
from .minimisers import Lbfgs as Lbfgs
from .objective import History as History
from .working_set import WorkingSet as WorkingSet

"""A second device, pretended on the CPU: it finds tensors of two devices in one operation.

A CUDA device refuses such an operation; where there is none, nothing else would find it.
"""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

# a device that exists on every machine and on which nothing is ever computed
DEVICE = torch.device("meta")
_CPU = torch.device("cpu")


class _There(torch.Tensor):
    """Its numbers are in the memory of the CPU, but they count as those of `DEVICE`."""


class Elsewhere(TorchFunctionMode):
    """While it is active, tensors can be moved to `DEVICE` and are computed with there.

    Raises
    ------
    RuntimeError
        In an operation on tensors of both devices, apart from what CUDA allows: moving, numbers
        (tensors without dimensions), and indices on the CPU.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func == torch.Tensor.device.__get__:
            return DEVICE if isinstance(args[0], _There) else _CPU
        if func in (torch.Tensor.to, torch.Tensor.cpu):
            wanted = (
                _CPU if func is torch.Tensor.cpu else _device_among([*args[1:], *kwargs.values()])
            )
            if wanted is not None:
                return args[0].as_subclass(_There if wanted == DEVICE else torch.Tensor)
        wanted = kwargs.get("device")
        if wanted is not None:
            kwargs["device"] = _CPU
        _refuse_mixture(func, args, kwargs)
        result = func(*args, **kwargs)
        if wanted is not None and torch.device(wanted) == DEVICE:
            return result.as_subclass(_There)
        return result


def moved(model):
    """The same module (changed in place) with its parameters and buffers on `DEVICE`."""
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                tensors[name] = tensor if tensor is None else tensor.as_subclass(_There)
    return model


def _device_among(values):
    for value in values:
        if isinstance(value, (str, torch.device)):
            return torch.device(value)
    return None


def _refuse_mixture(func, args, kwargs):
    if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
        indices, rest = args[1], [args[0], *args[2:]]
        if isinstance(args[0], _There):
            args, kwargs = rest, {}
        else:
            args, kwargs = [indices, *rest], {}
    devices = {
        isinstance(value, _There)
        for value in pytree.tree_leaves((args, kwargs))
        if isinstance(value, torch.Tensor) and value.ndim
    }
    if len(devices) > 1:
        name = getattr(func, "__name__", func)
        raise RuntimeError(f"{name}: expected all tensors to be on the same device")

"""The recheck: an example counts only if it survives being evaluated by itself.

Batched kernels round differently for different batch sizes, so an image that sits on a decision
boundary within a batch may be on the wrong side alone. A logit margin keeps it away.
"""

from __future__ import annotations

import torch

from intriguing.attacks.objective import contenders, target_margin
from intriguing.errors import ModelError
from intriguing.networks.logits import logits_of
from intriguing.networks.precision import in_double_precision

# batched and single logits differ by a few roundings; what is further from a tie than this share
# of the largest logit has the same class alone
_ROUNDING = 1e-3


class Alone:
    """A model that judges images one by one.

    Parameters
    ----------
    model : Module
    precision : {"float32", "float64"}
        ``float32``: the model as it is; ``float64``: additionally a copy of it in double
        precision, the smaller of the two margins counts.
    """

    def __init__(self, model: torch.nn.Module, precision: str = "float32") -> None:
        self.models = [(model, torch.float32)]
        if precision == "float64":
            self.models.append((in_double_precision(model), torch.float64))

    @torch.no_grad()
    def logits(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Logits (N, classes) in each precision, the images (N > 0) evaluated one by one."""
        return [_one_by_one(model, dtype, images) for model, dtype in self.models]


def leading(logits: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    """The class with the largest logit other than the label's, int64 Tensor (N,)."""
    return logits[0].scatter(1, labels[:, None], -torch.inf).argmax(1)


def least_margins(
    logits: list[torch.Tensor], targets: torch.Tensor, rivals: torch.Tensor
) -> torch.Tensor:
    """Smaller margin, over the precisions, of each target over its rivals, float64 Tensor (N,)."""
    margins = []
    for values in logits:
        allowed = contenders(targets, rivals, values.shape[1], values.dtype)
        margins.append(target_margin(values + allowed, targets).double())
    return torch.stack(margins).amin(0)


def _one_by_one(model: torch.nn.Module, dtype: torch.dtype, images: torch.Tensor) -> torch.Tensor:
    try:
        return torch.cat([logits_of(model, image) for image in images.to(dtype).split(1)])
    except ModelError as error:
        if dtype == torch.float32:
            raise
        raise ModelError(
            "the model does not compute in double precision, as recheck='float64' asks for: make"
            " its tensors parameters or buffers (register_buffer), or leave recheck out"
        ) from error


@torch.no_grad()
def correct_alone(
    model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 256
) -> torch.Tensor:
    """Whether each image, evaluated by itself, is classified as its label, bool Tensor (N,).

    Raises
    ------
    ModelError
        If a logit is not finite.
    """
    correct = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    for start in range(0, len(images), batch_size):
        logits = logits_of(model, images[start : start + batch_size])
        if not logits.isfinite().all():
            bad = start + (~logits.isfinite()).any(1).nonzero()[0, 0].item()
            raise ModelError(
                f"the model gives NaN or infinity for image {bad}: its weights are damaged or it"
                " divides by zero; train or fix it"
            )
        margin = target_margin(logits, labels[start : start + batch_size])
        correct[start : start + batch_size] = margin >= 0
        close = margin.abs() <= _ROUNDING * logits.abs().amax(1)
        for i in (start + close.nonzero()[:, 0]).tolist():
            correct[i] = logits_of(model, images[i : i + 1]).argmax(1)[0] == labels[i]
    return correct

"""Networks as people bring them: every attack works on them, or says why it does not."""

import copy
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from intriguing.attacks import choose_targets, lbfgs, minimum_distortion, noise_tolerance
from intriguing.errors import AttackError, BoundError, IntriguingError, ModelError
from intriguing.lipschitz import network_bounds
from intriguing.lipschitz.network import jacobian_norms
from intriguing.transfer import error_matrix

SHAPE = (1, 6, 6)


def targeted(attack):
    return lambda model, images, labels, **options: attack(
        model, images, labels, choose_targets("next", model, images, labels), **options
    )


SEARCHES = {
    "lbfgs": targeted(lbfgs),
    "minimum_distortion targeted": targeted(minimum_distortion),
    "minimum_distortion untargeted": minimum_distortion,
}


class Body(nn.Module):
    """A small smooth network; kinds of models differ in what is around it."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 8, 3), nn.Linear(8, 3)

    def features(self, x):
        return torch.tanh(4 * self.conv(x))

    def forward(self, x):
        return self.last(self.features(x).mean((2, 3)))


class Squeezed(Body):
    def forward(self, x):
        return self.last(nn.functional.adaptive_avg_pool2d(self.features(x), 1).squeeze())


class InPlace(Body):
    def forward(self, x):
        return super().forward(x.sub_(0.0).mul_(0.5).mul_(2.0))


class Cast(Body):
    def forward(self, x):
        x = x.float().to(torch.float32) + torch.zeros(1, dtype=torch.float32)
        return super().forward(x.type(dtype=torch.float32))


class Inconvertible(Body):
    def double(self):
        raise ValueError


class Asserting(Body):
    def forward(self, x):
        assert x.dtype == torch.float32
        return super().forward(x)


class Detached(Body):
    def forward(self, x):
        return self.last(self.features(x).detach().mean((2, 3)))


class WithoutGradient(Body):
    def forward(self, x):
        with torch.no_grad():
            hidden = self.features(x)
        return self.last(hidden.mean((2, 3)))


class PartlyDetached(Body):
    """Most of the answer comes through features that are cut off."""

    def forward(self, x):
        hidden = self.features(x)
        return super().forward(x.detach()) + 0.02 * self.last(hidden.flip(1).mean((2, 3)))


class Rounded(Body):
    def forward(self, x):
        return super().forward((255 * x).round() / 255)


class Straight(Body):
    """Rounded to 8 bits with a straight-through gradient."""

    def forward(self, x):
        return super().forward(x + ((255 * x).round() / 255 - x).detach())


class Standardised(Body):
    def forward(self, x):
        return super().forward((x - x.mean()) / (x.std() + 1e-5))


@dataclass
class Output:
    logits: torch.Tensor


class Wrapped(nn.Module):
    def __init__(self, body, wrap):
        super().__init__()
        self.body, self.wrap = body, wrap

    def forward(self, x):
        return self.wrap(self.body(x))


def like(body, kind):
    """A model of another class with the same weights."""
    model = kind().eval()
    model.load_state_dict(body.state_dict())
    return model


def weight_norm(body, function):
    body = copy.deepcopy(body)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(body.conv)
        function(body.last)
    return body.eval()


def compiled(make):
    """A model made by torch.jit, which is deprecated but in use."""

    def quietly(body):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return make(body).eval()

    return quietly


def exported(body):
    """What torch.export gives, for any number of images."""
    batch = torch.export.Dim("n", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(body, (torch.rand(2, *SHAPE),), dynamic_shapes=({0: batch},))
        return program.module()


WORK = {
    "exported": exported,
    "compiled": lambda body: torch.compile(body, backend="eager"),
    "squeeze": lambda body: like(body, Squeezed),
    "changes its input": lambda body: like(body, InPlace),
    "weight norm by a hook": lambda body: weight_norm(body, nn.utils.weight_norm),
    "weight norm by a parametrisation": lambda body: weight_norm(
        body, nn.utils.parametrizations.weight_norm
    ),
    "cast": lambda body: like(body, Cast),
    "traced": compiled(lambda body: torch.jit.trace(body, torch.rand(2, *SHAPE))),
    "scripted": compiled(torch.jit.script),
    "frozen": compiled(lambda body: torch.jit.freeze(torch.jit.script(body))),
}
REFUSED = {
    "without weights": (lambda body: copy.deepcopy(body).to("meta"), "on the device meta"),
    "batch norm without statistics": (
        lambda body: nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), body).eval(),
        "depends on the other images of the batch",
    ),
    "standardised over the batch": (
        lambda body: like(body, Standardised),
        "depends on the other images of the batch",
    ),
    "no_grad": (lambda body: like(body, WithoutGradient), "no gradient of the logits reaches"),
    "detach": (lambda body: like(body, Detached), "no gradient of the logits reaches"),
    "rounding": (lambda body: like(body, Rounded), "no gradient of the logits reaches"),
    "detach in a part": (lambda body: like(body, PartlyDetached), "does not fit"),
    "dict": (
        lambda body: Wrapped(body, lambda z: {"logits": z}).eval(),
        "a dict instead of logits",
    ),
    "tuple": (lambda body: Wrapped(body, lambda z: (z, None)).eval(), "a tuple instead of logits"),
    "object": (lambda body: Wrapped(body, Output).eval(), "type Output instead of logits"),
    "one output": (lambda body: Wrapped(body, lambda z: z[:, :1]).eval(), "two classes or more"),
    "no batch": (lambda body: Wrapped(body, lambda z: z.sum(0)).eval(), "instead of logits"),
}


@pytest.fixture(scope="module")
def body():
    torch.manual_seed(3)
    body = Body().eval()
    # all three classes
    with torch.no_grad():
        images = torch.rand(64, *SHAPE, generator=torch.Generator().manual_seed(4))
        body.last.bias -= body(images).mean(0)
    return body


@pytest.fixture(scope="module")
def images():
    return torch.rand(12, *SHAPE, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def labels(body, images):
    with torch.no_grad():
        return body(images).argmax(1)


@pytest.fixture(scope="module")
def plain(body, images, labels):
    return {name: attack(body, images, labels) for name, attack in SEARCHES.items()}


# torch.compile looks at the gradient of every input
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("kind", WORK)
@pytest.mark.parametrize("attack", SEARCHES)
def test_the_same_network_in_another_form_gives_the_same(attack, kind, body, images, labels, plain):
    model, before = WORK[kind](body), images.clone()
    result = SEARCHES[attack](model, images, labels)
    assert torch.equal(images, before)
    assert torch.equal(result.success, plain[attack].success) and result.success.any()
    # roundings may part two paths
    torch.testing.assert_close(result.distortion, plain[attack].distortion, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("attack", SEARCHES)
def test_what_cannot_be_attacked_is_refused_in_a_sentence(attack, kind, body, images, labels):
    make, words = REFUSED[kind]
    with pytest.raises(IntriguingError, match=words):
        SEARCHES[attack](make(body), images, labels)


@pytest.mark.parametrize("attack", SEARCHES)
def test_rounding_with_a_straight_through_gradient(attack, body, images, labels, plain):
    result = SEARCHES[attack](like(body, Straight), images, labels)
    # where the nearest example is not among the nearest roundings of the image
    found = result.success & plain[attack].success & (plain[attack].distortion > 3 / 255)
    assert result.success.all() and found.sum() >= 5
    ratio = result.distortion[found] / plain[attack].distortion[found]
    assert 0.95 < ratio.mean() < 1.1


def test_a_cast_and_double_precision(body, images, labels):
    made, expected = (
        minimum_distortion(model, images, labels, recheck="float64")
        for model in (like(body, Cast), body)
    )
    assert torch.equal(made.success, expected.success) and made.success.any()
    torch.testing.assert_close(made.images, expected.images)
    cast, plain = (jacobian_norms(model, images[:2]) for model in (like(body, Cast), body))
    assert torch.equal(cast, plain)


def test_what_has_no_copy_in_double_precision(body, images, labels):
    with pytest.raises(ModelError, match=r"no copy of the model in double precision \(ValueError"):
        minimum_distortion(like(body, Inconvertible), images, labels, recheck="float64")
    frozen = WORK["frozen"](body)
    with pytest.raises(ModelError, match="frozen into its code"):
        minimum_distortion(frozen, images, labels, recheck="float64")
    # without a message, too
    with pytest.raises(BoundError, match="in double precision"):
        jacobian_norms(like(body, Asserting), images[:1])


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("kind", [*WORK, *REFUSED])
def test_bounds_hold_or_say_why_there_are_none(kind, partial, body, images):
    model = WORK[kind](body) if kind in WORK else REFUSED[kind][0](body)
    try:
        bounds = network_bounds(model, SHAPE, images, partial=partial)
    except IntriguingError as error:
        assert "\n" not in str(error) and ":" in str(error)
    else:
        assert bounds.lower <= bounds.upper and bool(bounds.reason) == (bounds.upper == torch.inf)


@pytest.mark.parametrize(
    "function",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
    ],
)
def test_bounds_of_weights_that_are_computed(function, body, images):
    model = weight_norm(like(body, Squeezed), function)
    before = model(images)
    bounds = network_bounds(model, SHAPE, images)
    by_hand = like(body, Squeezed)
    with torch.no_grad():
        by_hand.conv.weight.copy_(model.conv.weight)
        by_hand.last.weight.copy_(model.last.weight)
    assert bounds.upper == pytest.approx(network_bounds(by_hand, SHAPE, images).upper, rel=1e-6)
    # the model is as it was, and computes its weights still
    assert torch.equal(model(images), before) and "weight" not in dict(
        model.conv.named_parameters()
    )


@pytest.mark.parametrize("kind", ["dict", "tuple", "object", "one output", "no batch"])
def test_the_error_matrix_refuses_alike(kind, body, images, labels):
    make, words = REFUSED[kind]
    with pytest.raises(ModelError, match=words):
        error_matrix({"it": make(body)}, {"clean": (images, labels)})


def test_no_model_changes_what_others_see(body, images, labels):
    before = images.clone()
    models = {"in place": like(body, InPlace), "other": body}
    table = error_matrix(models, {"clean": (images, labels)}).set_index("target")
    assert table["errors"].tolist() == [0, 0]
    noise_tolerance(models["in place"], images, labels)
    assert torch.equal(images, before)


def test_a_single_image(body, images, labels):
    one = minimum_distortion(like(body, Squeezed), images[:1], labels[:1])
    assert one.success.all()
    with pytest.raises(AttackError, match="other images of the batch"):
        minimum_distortion(like(body, Standardised), images[:1], labels[:1])


def test_pixels_a_rounding_outside_the_box_are_put_back(body, images, labels):
    beside = images.clone()
    beside[0, 0, 0, 0], beside[1, 0, 0, 0] = -3e-7, 1 + 3e-7
    result = minimum_distortion(body, beside, labels)
    assert result.images.min() >= 0 and result.images.max() <= 1
    beside[2, 0, 1, 1] = 1.01
    with pytest.raises(AttackError, match=r"image 2 leaves \[0, 1\] with a pixel of 1\.01"):
        minimum_distortion(body, beside, labels)

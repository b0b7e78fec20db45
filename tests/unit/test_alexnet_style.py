import pytest
import torch
from torch import nn

from intriguing import networks
from intriguing.errors import ModelError
from intriguing.lipschitz import layer_bounds, network_bounds
from intriguing.networks import response_norm
from intriguing.networks.convolution import ChannelsLastConv2d
from intriguing.networks.response_norm import ResponseNorm


@pytest.mark.parametrize(("size", "channels"), [(5, 9), (3, 2), (5, 3), (1, 4)])
def test_response_norm_is_torchs_local_response_norm(size, channels):
    ours = ResponseNorm(size, 0.3, 1.5)
    theirs = nn.LocalResponseNorm(size, 0.3 * size, 0.75, 1.5)
    generator = torch.Generator().manual_seed(0)
    images = 2 * torch.randn(2, channels, 3, 4, generator=generator, dtype=torch.float64)
    images.requires_grad_(True)
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-13, atol=1e-13)
    upstream = torch.randn(images.shape, generator=generator, dtype=torch.float64)
    (mine,) = torch.autograd.grad(ours(images), images, upstream)
    (torchs,) = torch.autograd.grad(theirs(images), images, upstream)
    torch.testing.assert_close(mine, torchs, rtol=1e-12, atol=1e-13)
    # of which second derivatives are taken
    (mine,) = torch.autograd.grad(ours(images), images, upstream, create_graph=True)
    torch.testing.assert_close(mine, torchs, rtol=1e-12, atol=1e-13)
    small = images.detach()[:1, :, :2, :1].requires_grad_(True)
    assert torch.autograd.gradcheck(ours, (small,))
    assert torch.autograd.gradgradcheck(ours, (small,))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(5, 7, 3, 4), (3, 1, 2, 2), (2, 6, 1, 1), (0, 4, 3, 3)])
def test_response_norm_in_blocks(monkeypatch, shape, layout):
    # 2 rows at once, the last block shorter
    monkeypatch.setattr(response_norm, "BLOCK", 2 * shape[1])
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(shape, generator=generator, dtype=torch.float64)
    images = images.contiguous(memory_format=layout).requires_grad_(True)
    upstream = torch.randn(shape, generator=generator, dtype=torch.float64)
    got, wanted = (
        (out.detach(), *torch.autograd.grad(out, images, upstream))
        for out in (ResponseNorm(5, 0.3, 1.5)(images), _plain(images, 0.3, 1.5))
    )
    for ours, plain in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-13, atol=1e-13)


def _plain(images, alpha, k):
    """The formula, with windows of five channels."""
    squares = nn.functional.pad(images.square(), (0, 0, 0, 0, 2, 2))
    channels = images.shape[1]
    sums = sum(squares[:, shift : shift + channels] for shift in range(5))
    return images / (k + alpha * sums) ** 0.75


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_convolution_is_torchs(channels):
    torch.manual_seed(0)
    ours = ChannelsLastConv2d(channels, 4, 3, stride=2, padding=1).double()
    theirs = nn.Conv2d(channels, 4, 3, stride=2, padding=1).double()
    theirs.load_state_dict(ours.state_dict())
    images = torch.rand(2, channels, 7, 6, dtype=torch.float64, requires_grad=True)
    out = ours(images)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, theirs(images), rtol=1e-13, atol=1e-13)
    out.square().sum().backward()
    theirs(images.detach()).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-13, atol=1e-13)
    # as L-BFGS and weight files need them
    assert ours.weight.is_contiguous() and ours.weight.grad.is_contiguous()
    assert torch.autograd.gradgradcheck(ours, (images.detach().requires_grad_(True),))


@pytest.mark.parametrize(
    ("shape", "pools", "inputs"),
    [((1, 8, 8), 1, 32 * 9), ((1, 28, 28), 3, 32 * 4), ((3, 32, 32), 3, 32 * 9)],
)
def test_layers_of_the_style(shape, pools, inputs):
    model = networks.build("alexnet_style", shape, 10).eval()
    kinds = [type(layer) for layer in model]
    assert kinds.count(ChannelsLastConv2d) == 5 and kinds.count(nn.Linear) == 3
    assert kinds.count(nn.Dropout) == 2 and kinds.count(ResponseNorm) == 2
    found = [layer for layer in model if isinstance(layer, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride) for pool in found] == [(3, 2)] * pools
    assert model[kinds.index(nn.Linear)].in_features == inputs
    assert model(torch.rand(2, *shape)).shape == (2, 10)


def test_every_layer_has_a_bound():
    torch.manual_seed(0)
    options = {"channels": [4, 6, 6, 6, 4], "dense": [12, 12]}
    model = networks.build("alexnet_style", (1, 12, 12), 3, **options).eval()
    table = layer_bounds(model, (1, 12, 12), compare=False)
    assert (table["kind"] == "Conv").sum() == 5 and (table["kind"] == "LRN").sum() == 2
    bounds = network_bounds(model, (1, 12, 12))
    assert 0 < bounds.lower <= bounds.upper


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((1, 7, 9), {}, "at least 8×8"),
        ((1, 8, 8), {"channels": [3]}, "give five and two"),
        ((1, 8, 8), {"dense": [3, 0]}, "give five and two"),
        ((1, 8, 8), {"dropout": 1.0}, "dropout is 1.0"),
        ((1, 8, 8), {"hidden": 3}, "cannot be built with options"),
    ],
)
def test_what_cannot_be_built(shape, options, words):
    with pytest.raises(ModelError, match=words):
        networks.build("alexnet_style", shape, 10, **options)

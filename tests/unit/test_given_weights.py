"""Weights files as other programs write them, next to what torch and safetensors load."""

import argparse
import copy
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.given_weights import load_weights


class Network(nn.Module):
    """A convolution with batch norm, and a part of its own."""

    def __init__(self, classes=3):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16, classes))

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))))


def network(seed):
    torch.manual_seed(seed)
    model = Network()
    model(torch.rand(8, 1, 4, 4))  # batches that the norm has seen
    return model.eval()


@pytest.fixture
def source():
    return network(1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pt"


def equal(first, second):
    """Whether two networks have the same weights and buffers under the same names."""
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def compiled(model):
    return torch.compile(model, backend="eager")  # the default loads a compiler, to no effect here


def prefixed(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


def compiled_in_part(state):
    """Names after ``model.head = torch.compile(model.head)``."""
    return {name.replace("head.", "head._orig_mod."): value for name, value in state.items()}


WRITTEN = {
    "plain": lambda model: model.state_dict(),
    "DataParallel": lambda model: nn.DataParallel(model).state_dict(),
    "torch.compile": lambda model: compiled(model).state_dict(),
    "both": lambda model: nn.DataParallel(compiled(model)).state_dict(),
    "both, the other way round": lambda model: compiled(nn.DataParallel(model)).state_dict(),
    "compiled in part": lambda model: compiled_in_part(model.state_dict()),
    "Lightning": lambda model: {
        "state_dict": prefixed("model.", model.state_dict()),
        "epoch": 3,
        "optimizer_states": [torch.optim.SGD(model.parameters(), momentum=0.9).state_dict()],
    },
    "another prefix": lambda model: prefixed("backbone.net.", model.state_dict()),
    "an epoch beside": lambda model: {"model": model.state_dict(), "epoch": torch.tensor(3)},
    "an optimizer beside": lambda model: {
        "optimizer": torch.optim.Adam(model.parameters()).state_dict(),
        "net": model.state_dict(),
    },
    "a name beside": lambda model: {"model": "resnet", "state_dict": model.state_dict()},
    "model_state_dict": lambda model: {"model_state_dict": model.state_dict()},
    "weights": lambda model: {"weights": model.state_dict()},
    # as torchvision's reference scripts
    "arguments beside": lambda model: {
        "model": model.state_dict(),
        "args": argparse.Namespace(lr=0.1, opt="sgd", device=torch.device("cpu"), sizes=[1, 2]),
    },
    "nested twice": lambda model: {"state": {"model": prefixed("module.", model.state_dict())}},
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_checkpoints(source, path, written):
    torch.save(written(source), path)
    assert equal(load_weights(network(2), path), source)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_safetensors(source, tmp_path, prefix):
    path = tmp_path / "weights.SafeTensors"
    safetensors.torch.save_file(prefixed(prefix, source.state_dict()), path)
    assert equal(load_weights(network(2), path), source)


def test_into_a_compiled_network(source, path):
    torch.save(source.state_dict(), path)
    assert equal(load_weights(compiled(network(2)), path)._orig_mod, source)


def test_the_old_format_of_torch(source, path):
    torch.save(source.state_dict(), path, _use_new_zipfile_serialization=False)
    assert equal(load_weights(network(2), path), source)


@pytest.mark.parametrize("kept", [True, False], ids=["with versions", "a plain mapping"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_without_the_number_of_batches(source, path, kept, prefix):
    state = source.state_dict() if kept else dict(source.state_dict())
    del state["norm.num_batches_tracked"]
    torch.save(state if not prefix else prefixed(prefix, state), path)
    made = load_weights(network(2), path)
    # what torch does with a file that is older than that buffer
    wanted = network(2)
    wanted.load_state_dict(dict(state))
    assert equal(made, wanted) and made.norm.num_batches_tracked == 1
    assert torch.equal(made.norm.running_mean, source.norm.running_mean)
    del state["norm.running_var"]
    torch.save(state, path)
    with pytest.raises(ModelError, match=r"it lacks norm.running_var; expected are conv.weight to"):
        load_weights(network(2), path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_other_precisions_are_converted(source, tmp_path, dtype, suffix):
    path = tmp_path / f"weights.{suffix}"
    state = copy.deepcopy(source).to(dtype).state_dict()
    (safetensors.torch.save_file if suffix == "safetensors" else torch.save)(state, path)
    made, wanted = load_weights(network(2), path), network(2)
    wanted.load_state_dict(state)
    assert equal(made, wanted) and made.conv.weight.dtype == torch.float32
    assert torch.allclose(made.conv.weight, source.conv.weight, atol=1e-2)


class Tied(nn.Module):
    """Layers that share their weights: one parameter, or two with one memory."""

    def __init__(self, how="parameter"):
        super().__init__()
        self.first, self.second, self.third, self.last = (nn.Linear(4, 4) for _ in range(4))
        if how == "parameter":
            self.second.weight = self.third.weight = self.first.weight
        elif how == "memory":
            self.second.weight.data = self.first.weight.data
        elif how == "rows":
            self.second = nn.Linear(4, 2)
            self.second.weight.data = self.first.weight.data[:2]


HOWS = ["parameter", "memory", "rows"]


@pytest.mark.parametrize("how", HOWS)
def test_tied_weights_as_safetensors_loads_them(tmp_path, how):
    source, path = Tied(how), tmp_path / "tied.safetensors"
    safetensors.torch.save_model(source, str(path))
    assert len(safetensors.torch.load_file(path)) < len(source.state_dict())
    wanted = Tied(how)
    safetensors.torch.load_model(wanted, str(path))
    assert equal(load_weights(Tied(how), path), wanted) and equal(wanted, source)
    wrapped = nn.Module()
    wrapped.module = source
    safetensors.torch.save_model(wrapped, str(path))
    assert equal(load_weights(Tied(how), path), source)


@pytest.mark.parametrize("kept", ["first", "second", "third", "all"])
def test_whichever_name_of_a_tied_tensor_is_kept(tmp_path, kept):
    source, path = Tied(), tmp_path / "tied.safetensors"
    tied = {f"{layer}.weight" for layer in ("first", "second", "third")}
    state = {
        name: value.clone()
        for name, value in source.state_dict().items()
        if name not in tied or kept in ("all", name.partition(".")[0])
    }
    safetensors.torch.save_file(state, path)
    assert equal(load_weights(Tied(), path), source)
    if kept != "all":
        with pytest.raises(ModelError, match=r"it lacks \w+.weight \(1 more\); expected are"):
            load_weights(Tied("not at all"), path)


@pytest.mark.parametrize("lacking", ["first.weight", "last.weight", "second.bias"])
def test_what_is_not_tied_is_missed(tmp_path, lacking):
    path = tmp_path / "tied.safetensors"
    state = {name: value.clone() for name, value in Tied("rows").state_dict().items()}
    del state[lacking]
    safetensors.torch.save_file(state, path)
    with pytest.raises(RuntimeError, match=f"Missing key.*{lacking}"):
        safetensors.torch.load_model(Tied("rows"), str(path))
    with pytest.raises(ModelError, match=f"it lacks {lacking}; expected"):
        load_weights(Tied("rows"), path)


def state(**changes):
    return network(1).state_dict() | changes


REFUSED = {
    "a list": (
        [1, 2],
        r"holds a value of the type list and lacks conv.weight \(7 more\); expected are conv.w",
    ),
    "a tensor": (torch.zeros(3), "holds a value of the type Tensor and lacks conv.weight"),
    "nothing": ({}, r"it holds nothing and lacks conv.weight \(7 more\); expected are conv.weight"),
    "no tensors": ({"epoch": 3, "args": {}}, "it holds epoch, args and lacks conv.weight"),
    "nested otherwise": ({"generator": state()}, "it holds generator and lacks conv.weight"),
    "an optimizer": (
        torch.optim.Adam(network(1).parameters()).state_dict(),
        "it holds state, param_groups and lacks conv.weight",
    ),
    "numbered tensors": ({0: torch.zeros(2)}, "it holds 0 and lacks conv.weight"),
    "other names": (
        Tied().state_dict(),
        r"\(it has first.weight \(7 more\) and lacks conv.weight \(7 more\); expected are conv.w"
        r"eight to head.1.bias\): give a state_dict of this architecture, or correct the options",
    ),
    "other names, wrapped": (prefixed("module.", Tied().state_dict()), "has module.first.weight"),
    "one more": (state(extra=torch.zeros(1)), "it has extra; expected"),
    "a prefix of some": (prefixed("model.", state()) | {"ema.x": torch.zeros(1)}, "it has model.c"),
    "names twice": (
        prefixed("_orig_mod.", state()) | state(),
        r"it has _orig_mod.conv.weight \(8 more\); exp",
    ),
    "a number": (state() | {"conv.bias": 3}, "is of another network .*conv.bias.* float|Tensor"),
    "another shape": (
        Network(classes=5).state_dict(),
        r"\(it has head.1.weight of size \[5, 16\], not \[3, 16\]; .*, or correct the options of",
    ),
    "another shape and other names": (
        {
            "a" * 300: torch.zeros(1),
            "conv.weight": torch.zeros(2, 1, 3, 3),
            "head.1.weight": torch.zeros(9),
        },
        rf"\(it has {'a' * 80}… and lacks conv.bias \(5 more\) and has conv.weight of size \[2, 1, "
        r"3, 3\], not \[4, 1, 3, 3\]; expected are",
    ),
}


@pytest.mark.parametrize("content, words", REFUSED.values(), ids=REFUSED)
def test_other_files_are_refused_in_a_sentence(path, content, words):
    torch.save(content, path)
    with pytest.raises(ModelError, match=words) as error:
        load_weights(network(2), path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        Network(),
        {"model": Network(), "epoch": 3},
        {"state_dict": Network().state_dict(), "settings": Network},
    ],
)
def test_whole_networks_are_not_run(path, content):
    torch.save(content, path)
    with pytest.raises(ModelError, match=r"holds objects .*\(.*\.Network.*save model.state_dict"):
        load_weights(network(2), path)


def test_objects_are_listed_by_whole_names(path):
    content = {f"a{number}": type(f"Setting{number:030}", (), {}) for number in range(6)}
    for kind in content.values():
        globals()[kind.__name__] = kind
    torch.save(content | {"args": argparse.Namespace(of=Network)}, path)
    with pytest.raises(ModelError, match=r"holds objects [^(]*\(") as caught:
        load_weights(network(2), path)
    for kind in content.values():
        del globals()[kind.__name__]
    listed = str(caught.value).partition("alone (")[2].partition("):")[0].split(", ")
    known = {f"{kind.__module__}.{kind.__qualname__}" for kind in [*content.values(), Network]}
    assert listed.pop() == "…" and listed and set(listed) < known


@pytest.mark.parametrize(
    "name, write",
    [
        ("broken.safetensors", lambda path: path.write_bytes(b"no such file")),
        ("broken.pt", lambda path: path.write_bytes(b"no such file")),
        ("folder.pt", lambda path: path.mkdir()),
        ("script.pt", lambda path: torch.jit.script(Network()).save(path)),
        (
            "old.pt",
            lambda path: torch.save(Network(), path, _use_new_zipfile_serialization=False),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_files_that_cannot_be_read(tmp_path, name, write):
    write(tmp_path / name)
    with pytest.raises(
        ModelError, match=rf"{name} cannot be read \(\w+\): .*model.state_dict\(\) saved by torch"
    ):
        load_weights(network(2), tmp_path / name)


def test_a_file_that_is_missing(path):
    with pytest.raises(ModelError, match=r"weights.pt does not exist: correct its path"):
        load_weights(network(2), path)


class Remembering(nn.Linear):
    """A layer with state that is not a tensor."""

    def get_extra_state(self):
        return {"seen": 3}

    def set_extra_state(self, state):
        self.seen = state["seen"]


def test_state_that_is_no_tensor(path):
    torch.save({"state_dict": OrderedDict(Remembering(4, 2).state_dict())}, path)
    assert load_weights(Remembering(4, 2), path).seen == 3
    torch.save(nn.Linear(4, 2).state_dict(), path)
    with pytest.raises(ModelError, match="it lacks _extra_state; expected are weight to _extra_s"):
        load_weights(Remembering(4, 2), path)

"""GANs: the losses against hand-worked values, and who may move what, on the one loop."""

import math
import os
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

import tl_helpers as tl
from tl_helpers import files
from tl_helpers.files import sha256
from tl_helpers.pretraining import gan, script
from tl_helpers.pretraining.gan import still_statistics

QUIET = {"progress": False}


def split(count=40, classes=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 1, 28, 28), generator=generator)
    return tl.data.Split(images.to(torch.uint8), torch.arange(count) % classes)


def networks(num_classes=0, seed=0):
    torch.manual_seed(seed)
    return tl.pretraining.dcgan(num_classes, num_codes=8)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def logit(probability):
    return math.log(probability / (1 - probability))


# -- losses --------------------------------------------------------------------------------------


def test_losses_by_hand():
    real = torch.tensor([[logit(0.8)], [logit(0.5)]])
    fake = torch.tensor([[logit(0.1)], [logit(0.4)]])
    by_hand = -(math.log(0.8) + math.log(0.5)) / 2 - (math.log(0.9) + math.log(0.6)) / 2
    assert tl.pretraining.discriminator_loss(real, fake).item() == pytest.approx(by_hand)
    by_hand = -(math.log(0.1) + math.log(0.4)) / 2
    assert tl.pretraining.generator_loss(fake).item() == pytest.approx(by_hand)


def test_the_best_discriminator_of_two_equal_distributions_says_one_half():
    """Goodfellow et al.: then V(G, D) = -log 4; no constant logit does better than 0."""
    values = {
        at: tl.pretraining.discriminator_loss(torch.full((5, 1), at), torch.full((3, 1), at)).item()
        for at in (-1.0, -0.1, 0.0, 0.1, 1.0)
    }
    assert values[0.0] == pytest.approx(math.log(4)) and min(values, key=values.get) == 0.0
    assert tl.pretraining.generator_loss(torch.zeros(3, 1)).item() == pytest.approx(math.log(2))


def test_the_generator_has_a_gradient_where_the_discriminator_is_sure():
    """The form that saturates has one of sigmoid(-20); this one's is sigmoid(20) at each sample."""
    fake = torch.full((4, 1), -20.0, requires_grad=True)
    tl.pretraining.generator_loss(fake).backward()
    assert torch.allclose(4 * fake.grad, torch.tensor(-1.0))
    sure = torch.full((4, 1), 1000.0)
    assert tl.pretraining.discriminator_loss(sure, -sure).item() == 0
    assert tl.pretraining.discriminator_loss(-sure, sure).item() == pytest.approx(2000)


# -- who moves what ------------------------------------------------------------------------------


def test_each_step_moves_its_own_network_and_nothing_else():
    generator, discriminator = networks()
    both = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
    moments = [state(both)]
    hooks = [
        register(lambda *_: moments.append(state(both)))
        for register in (register_optimizer_step_pre_hook, register_optimizer_step_post_hook)
    ]
    try:
        tl.pretraining.fit_gan(generator, discriminator, split(), epochs=1, batch_size=40, **QUIET)
    finally:
        for hook in hooks:
            hook.remove()
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    buffers = {name for name in moments[0] if name.endswith(statistics)}
    weights = {
        network: {name for name in moments[0] if name.startswith(network)} - buffers
        for network in both
    }
    assert len(moments) == 5 and len(buffers) == 15
    moves = [changed(*pair) for pair in zip(moments, moments[1:], strict=False)]
    assert moves[0] == buffers  # by one batch of each: the generated one, the real one
    assert all(value == 1 for name, value in moments[-1].items() if name.endswith("tracked"))
    assert moves[1] == weights["discriminator"]
    assert moves[2] == set()  # looking at generated images again moves no statistics
    assert moves[3] == weights["generator"]


def test_the_statistics_of_the_discriminator_are_those_of_real_samples():
    points = 5 + torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    data = tl.data.Split(points, torch.zeros(64, dtype=torch.int64))
    torch.manual_seed(0)
    generator = tl.pretraining.Generator(nn.Linear(3, 2), num_codes=3)  # around 0, far from 5
    norm = nn.BatchNorm1d(2, momentum=1.0)
    tl.pretraining.fit_gan(
        generator, nn.Sequential(norm, nn.Linear(2, 1)), data, epochs=1, batch_size=64, **QUIET
    )
    assert torch.allclose(norm.running_mean, points.mean(0), atol=1e-4)


def test_still_statistics_normalise_by_the_batch():
    norm, inputs = nn.BatchNorm1d(3), 7 + torch.randn(20, 3)
    before = state(norm)
    with still_statistics(norm):
        assert norm(inputs).mean().abs() < 1e-5
    assert changed(before, state(norm)) == set()
    norm(inputs)
    assert len(changed(before, state(norm))) == 3


# -- training ------------------------------------------------------------------------------------


def test_the_generator_comes_near_the_data(device):
    """A line to a line: the mean and the spread of one normal distribution."""
    points = 3 + 0.5 * torch.randn(512, 1, generator=torch.Generator().manual_seed(0))
    data = tl.data.Split(points, torch.zeros(512, dtype=torch.int64))
    torch.manual_seed(0)
    generator = tl.pretraining.Generator(nn.Linear(1, 1), num_codes=1)
    discriminator = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1))
    options = {"epochs": 60, "lr": 5e-3, "device": device, **QUIET}
    history = tl.pretraining.fit_gan(generator, discriminator, data, **options)
    samples = generator.generate(torch.zeros(4000))
    assert samples.mean().item() == pytest.approx(3, abs=0.5)
    assert history.metrics["train_fake_probability"][-1] == pytest.approx(0.5, abs=0.1)
    assert history.metrics["train_discriminator"][-1] == pytest.approx(math.log(4), abs=0.1)
    assert set(history.metrics) == {
        f"train_{name}"
        for name in ("discriminator", "generator", "real_probability", "fake_probability")
    }


def test_labels_are_looked_at_by_a_conditional_one_only():
    for classes in (0, 2):
        data, histories = split(), []
        for labels in (data.labels, data.labels.roll(1)):
            other = tl.data.Split(data.inputs, labels)
            histories.append(
                tl.pretraining.fit_gan(*networks(classes), other, epochs=1, **QUIET).metrics
            )
        assert (histories[0] == histories[1]) == (classes == 0)


def test_a_conditional_one_learns_which_class_is_which():
    """Class 0 lies at -2, class 1 at 2: labels in a wrong place would mix them up."""
    labels = torch.arange(256) % 2
    points = (4.0 * labels - 2)[:, None] + 0.1 * torch.randn(256, 1)
    torch.manual_seed(0)
    generator = tl.pretraining.Generator(nn.Linear(3, 1), num_codes=1, num_classes=2)
    discriminator = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 2))
    data = tl.data.Split(points, labels)
    tl.pretraining.fit_gan(generator, discriminator, data, epochs=60, lr=5e-3, **QUIET)
    means = [generator.generate(torch.full((500,), k)).mean().item() for k in (0, 1)]
    assert means[0] < -1 and means[1] > 1, means


@pytest.mark.parametrize("classes", [0, 2])
def test_a_checkpoint_goes_on_exactly(tmp_path, classes):
    whole, parts, file = networks(classes), networks(classes), tmp_path / "gan.run"
    expected = tl.pretraining.fit_gan(*whole, split(), epochs=3, batch_size=16, **QUIET)
    options = {"batch_size": 16, "checkpoint": file, **QUIET}
    tl.pretraining.fit_gan(*parts, split(), epochs=1, **options)
    fresh = networks(classes, seed=9)
    found = tl.pretraining.fit_gan(*fresh, split(), epochs=3, resume=True, **options)
    assert found.metrics == expected.metrics
    for one, other in zip(whole, fresh, strict=True):
        assert changed(state(one), state(other)) == set()


# -- the networks --------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [0, 3])
def test_shapes(classes):
    generator, discriminator = networks(classes)
    images = generator.generate(torch.arange(6) % 3)
    assert images.shape == (6, 1, 28, 28) and not images.requires_grad
    assert 0 <= images.min() and images.max() <= 1
    assert discriminator(images).shape == (6, max(1, classes))
    assert discriminator.features(images).shape == (6, discriminator.num_features)


def test_generating_uses_and_leaves_the_running_statistics():
    generator, _ = networks()
    generator.train()
    before = state(generator)
    torch.manual_seed(3)
    images = generator.generate(torch.zeros(5))
    assert generator.training and changed(before, state(generator)) == set()
    torch.manual_seed(3)
    codes = torch.randn(5, 8)
    alone = torch.cat([generator.eval()(code[None]) for code in codes])
    assert torch.allclose(images, alone, atol=1e-5), "no image depends on the others"


def test_the_discriminator_is_a_backbone_to_probe():
    _, discriminator = networks()
    probe = tl.models.replace_head(discriminator, 2)
    tl.transfer.freeze(probe, "backbone")
    before = state(probe)
    images = split(200, 2)
    images.inputs[1::2] //= 4  # one class is darker: to be seen in random features too
    tl.fit(probe, images, epochs=5, lr=0.1, **QUIET)
    assert changed(before, state(probe)) == {"head.weight", "head.bias"}
    assert tl.evaluate(probe, images).accuracy > 0.95
    assert [name for name, _ in probe.blocks] == ["block1", "block2", "block3"]


# -- bad input -----------------------------------------------------------------------------------


def test_what_cannot_be_trained_is_refused():
    def fit(generator, discriminator, data):
        tl.pretraining.fit_gan(generator, discriminator, data, epochs=1, **QUIET)

    (generator, discriminator), (conditional, by_class) = networks(), networks(2)
    with pytest.raises(ValueError, match="list.*a task or a split"):
        fit(generator, discriminator, [1, 2])
    with pytest.raises(TypeError, match="generator is a Linear"):
        fit(nn.Linear(8, 2), discriminator, split())
    with pytest.raises(ValueError, match=r"from 0 to 4.*2 classes.*0 … 1"):
        fit(conditional, by_class, split(classes=5))
    with pytest.raises(ValueError, match=r"\(1, 28, 28\).*\(2,\)"):
        fit(generator, discriminator, tl.data.Split(torch.rand(4, 2), torch.arange(4)))
    with pytest.raises(ValueError, match=r"discriminator returns \(2, 1\).*\(2, 2\)"):
        fit(conditional, discriminator, split())
    with pytest.raises(ValueError, match="labels are missing.*2 classes"):
        conditional(torch.randn(3, 8))


# -- the command ---------------------------------------------------------------------------------


def command(output, *flags, launcher=()):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TL_PROGRESS": "off"}
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *launcher, "-m"]
        + ["tl_helpers.pretraining.gan", "--output", output, "--images", "70", *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def history_in(file):
    with safe_open(file, framework="pt") as opened:
        return tl.History.from_json(opened.metadata()["history"])


@pytest.mark.slow
def test_the_command_writes_weights_and_goes_on(tmp_path):
    output = tmp_path / "new" / "any.safetensors"
    command(output, "--epochs", "1")
    first = history_in(output)
    told = command(output, "--epochs", "2", "--resume")
    both = history_in(output)
    assert sha256(output) in told and (len(first), len(both)) == (1, 2)
    assert both.seconds[0] == first.seconds[0]  # the second took the first one up


@pytest.mark.slow
def test_the_command_runs_under_torchrun(tmp_path):
    output = tmp_path / "pair.safetensors"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    told = command(output, "--epochs", "1", launcher=launcher)
    assert told.count("SHA-256") == 1 and len(history_in(output)) == 1


@pytest.mark.parametrize("conditional", [False, True])
def test_what_ships_is_noted_and_read_back(tmp_path, monkeypatch, conditional):
    monkeypatch.setattr(script, "DATA", tmp_path)
    monkeypatch.setattr(script, "WEIGHTS", tmp_path / "weights")
    (tmp_path / "checksums.json").write_text("{}")
    flags = ["--conditional"] if conditional else []
    gan.main(["--epochs", "1", "--images", "70", *flags])
    monkeypatch.setattr(files, "DATA", tmp_path)
    *found, history = tl.pretraining.load_gan(conditional)
    assert found[0].num_classes == (10 if conditional else 0) and len(history) == 1
    [file] = (tmp_path / "weights").glob("*.safetensors")
    trained = torch.load(file.with_suffix(".run"))["modules"]
    for name, module in zip(("generator", "discriminator"), found, strict=True):
        assert changed(trained[name], state(module)) == set()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(files.FileProblem, match="damaged.*git checkout -- data/weights/gan"):
        tl.pretraining.load_gan(conditional)


def test_an_interrupted_run_ships_nothing(tmp_path, capsys):
    script.ship(tmp_path / "part.safetensors", {}, tl.History(interrupted=True))
    assert "--resume" in capsys.readouterr().out and list(tmp_path.iterdir()) == []


# -- the shipped weights -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def means():
    """The mean image of each class of Fashion-MNIST, validation split, 10×784 in [0, 1]."""
    split = tl.data.fashion_mnist().valid
    images = split.inputs.flatten(1) / 255
    return torch.stack([images[split.labels == label].mean(0) for label in range(10)])


def test_the_shipped_generator_is_as_varied_as_the_data(means):
    generator, discriminator, history = tl.pretraining.load_gan()
    assert len(history) == gan.EPOCHS
    torch.manual_seed(0)
    images = generator.generate(torch.zeros(500))
    nearest = torch.cdist(images.flatten(1), means).argmin(1).bincount(minlength=10)
    assert nearest.min() >= 5  # 50 each, were all classes alike
    noise = torch.rand(500, 1, 28, 28)
    assert discriminator(images).mean() > discriminator(noise).mean() + 1


def test_the_shipped_conditional_generator_makes_what_is_asked_for(means):
    generator, _, _ = tl.pretraining.load_gan(conditional=True)
    torch.manual_seed(0)
    images = generator.generate(torch.arange(500) % 10).flatten(1)
    made = torch.stack([images[label::10].mean(0) for label in range(10)])
    assert torch.cdist(made, means).argmin(1).tolist() == list(range(10))

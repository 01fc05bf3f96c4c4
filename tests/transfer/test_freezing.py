import copy

import pytest
import torch
from torch import nn

import tl_helpers as tl
from tl_helpers.training import loop
from tl_helpers.transfer import GradualUnfreezing, freeze, parameter_groups, unfreeze


@pytest.fixture
def task():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    images = torch.randint(0, 256, (90, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images[torch.arange(90), labels] //= 4  # the class is the channel that is dark
    return tl.data.Task.from_arrays(images, labels)


def small():
    torch.manual_seed(1)
    return tl.models.small_cnn(3)


def from_timm():
    torch.manual_seed(1)
    return tl.models.create("mobilenetv3_small_050", 3, image_size=32)


def with_dropout():
    """A plain module: no .backbone, no .blocks; BatchNorm and dropout in its lower part."""
    torch.manual_seed(1)
    lower = nn.Sequential(nn.Flatten(), nn.Linear(768, 12), nn.BatchNorm1d(12), nn.Dropout(0.5))
    return nn.Sequential(lower, nn.Linear(12, 3))


def state(model):
    return copy.deepcopy(model.state_dict())


def trainable(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def train(model, task, **options):
    options = {"epochs": 2, "lr": 1e-2, "batch_size": 16, "progress": False} | options
    return tl.fit(model, task, **options)


def changed(before, model):
    """Return the names of the parameters and buffers that are not bit for bit what they were."""
    after = model.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name].cpu())}


# -- what stays, stays bit for bit ---------------------------------------------------------------

CASES = [
    (small, "backbone", "backbone."),
    (from_timm, "backbone", "backbone."),
    (small, "all_but_last=2", ("backbone.block1.", "backbone.block2.")),
    (from_timm, ["backbone.conv_stem", "backbone.bn1", "backbone.blocks.0"],
     ("backbone.conv_stem.", "backbone.bn1.", "backbone.blocks.0.")),
    (with_dropout, "0.*", "0."),
]  # fmt: skip


def frozen_things_that_moved(make, what, prefix, task, device="cpu", **options):
    model = make()
    freeze(model, what)
    before = state(model)
    train(model, task, device=device, **options)
    moved = changed(before, model)
    assert moved, "nothing was trained at all"
    return {name for name in moved if name.startswith(prefix)}


@pytest.mark.parametrize("make, what, prefix", CASES)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"optimizer": "sgd"}])
def test_frozen_parameters_and_buffers_stay_bit_for_bit(make, what, prefix, options, task, device):
    # Without cached features, so that the frozen part runs in every training step.
    options = options | {"cache_features": False}
    assert frozen_things_that_moved(make, what, prefix, task, device, **options) == set()


@pytest.mark.parametrize("make, what, prefix", CASES)
def test_the_proof_above_fails_in_a_loop_that_calls_train_everywhere(
    make, what, prefix, task, monkeypatch
):
    """The usual loop: model.train(), and BatchNorm goes on counting in what was frozen."""
    monkeypatch.setattr(loop, "train_mode", lambda module: module.train())
    moved = frozen_things_that_moved(make, what, prefix, task, cache_features=False)
    endings = {name.rsplit(".", 1)[1] for name in moved}
    assert endings == {"running_mean", "running_var", "num_batches_tracked"}


def test_the_proof_above_fails_for_parameters_that_were_not_frozen(task):
    model = small()
    freeze(model, "none")
    before = state(model)
    train(model, task)
    assert any(name.startswith("backbone.") and "weight" in name for name in changed(before, model))


def test_moving_statistics_move_and_nothing_else_does(task, device):
    model = small()
    freeze(model, "backbone", batchnorm="moving")
    before = state(model)
    train(model, task, device=device)
    moved = {name for name in changed(before, model) if name.startswith("backbone.")}
    assert moved == {name for name in before if "running_" in name or "num_batches" in name}
    freeze(model, "backbone")  # and the default takes the trap away again
    before = {name: value.cpu() for name, value in state(model).items()}
    train(model, task, device=device, cache_features=False)
    assert all(name.startswith("head.") for name in changed(before, model))


def test_dropout_in_a_frozen_part_is_off(task):
    model = with_dropout()
    seen = {}
    model[0].register_forward_hook(lambda m, args, out: seen.update(mode=m.training, out=out))
    freeze(model, "0")
    loop.train_mode(model)
    inputs = torch.rand(4, 3, 16, 16)
    model(inputs)
    first = seen["out"]
    model(inputs)
    assert model.training and not seen["mode"] and torch.equal(first, seen["out"])
    unfreeze(model, "0")
    loop.train_mode(model)
    model(inputs)
    assert seen["mode"] and not torch.equal(first, seen["out"])


def test_the_optimizer_holds_no_frozen_parameter(task):
    model, held = small(), []

    def factory(parameters, lr):
        held.extend(parameters)
        return torch.optim.SGD(held, lr=lr)

    freeze(model, "all_but_last=1")
    train(model, task, optimizer=factory)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)] for p in held} == trainable(model)
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


# -- what the words mean -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what, blocks",
    [
        ("backbone", []),
        ("all_but_last=0", []),
        ("all_but_last=1", ["block4"]),
        ("all_but_last=3", ["block2", "block3", "block4"]),
        ("all_but_last=4", ["block1", "block2", "block3", "block4"]),
        ("none", ["block1", "block2", "block3", "block4"]),
    ],
)
def test_words_set_the_whole_model(what, blocks):
    model = small()
    for before in ("backbone", "none"):
        freeze(model, before)
        freeze(model, "head")  # a word sets the head trainable, too
        assert freeze(model, what) is None
        expected = {
            name
            for name, _ in model.named_parameters()
            if name.startswith("head.") or name.split(".")[1] in blocks
        }
        assert trainable(model) == expected


def test_a_class_token_is_frozen_with_the_first_block():
    model = tl.models.create("vit_tiny_patch16_224", 2)
    freeze(model, "all_but_last=12")
    assert "backbone.cls_token" not in trainable(model)
    freeze(model, "all_but_last=13")
    assert trainable(model) == {name for name, _ in model.named_parameters()}


def test_patterns_add_up_and_unfreeze_takes_away():
    model = with_dropout()
    freeze(model, "0.1.weight")
    assert trainable(model) == {"0.1.bias", "0.2.weight", "0.2.bias", "1.weight", "1.bias"}
    freeze(model, ["*.bias", "0.2"])
    assert trainable(model) == {"1.weight"}
    unfreeze(model, "0.[12].bias")
    assert trainable(model) == {"0.1.bias", "0.2.bias", "1.weight"}
    freeze(model, "none")
    assert len(trainable(model)) == 6


def test_a_layer_s_name_means_that_layer_alone():
    model = from_timm()
    freeze(model, "backbone.blocks.1")  # not blocks.10 and the like, not "…blocks.1…" inside others
    frozen = {name for name, _ in model.named_parameters()} - trainable(model)
    assert frozen and all(name.startswith("backbone.blocks.1.") for name in frozen)


@pytest.mark.parametrize(
    "what, words",
    [
        ("bakbone", "'bakbone' matches no parameter.*'backbone'"),
        ("backbone.blok1", "'backbone.blok1' matches no parameter.*'backbone.block1'"),
        (["head", "tail"], "'tail' matches no parameter"),
        ([], "empty"),
        ([3], "3.*strings"),
        ("all_but_last=5", "all_but_last=5.*4 blocks: block1, block2, block3, block4"),
        ("all_but_last=-1", "all_but_last=-1.*whole number"),
        ("all_but_last", "whole number"),
    ],
)
def test_what_matches_nothing_is_an_error_and_changes_nothing(what, words):
    model = small()
    freeze(model, "all_but_last=1")
    before = trainable(model)
    with pytest.raises(ValueError, match=words):
        freeze(model, what)
    assert trainable(model) == before


def test_words_need_a_backbone_and_blocks():
    with pytest.raises(ValueError, match="Sequential has none.*'0', '1'"):
        freeze(with_dropout(), "backbone")
    with pytest.raises(ValueError, match="without .backbone and .blocks.*patterns"):
        freeze(with_dropout(), "all_but_last=1")
    with pytest.raises(ValueError, match="'1.gewicht' matches no parameter.*'1.weight'"):
        unfreeze(with_dropout(), "1.gewicht")
    with pytest.raises(ValueError, match="batchnorm='froze'"):
        freeze(small(), "backbone", batchnorm="froze")


# -- learning rates by depth ---------------------------------------------------------------------


def test_rates_fall_by_the_block_towards_the_input():
    model = small()
    groups = parameter_groups(model, lr=1.0, decay=2)
    assert [(g["name"], g["lr"]) for g in groups] == [
        ("head", 1.0), ("block4", 0.5), ("block3", 0.25), ("block2", 0.125), ("block1", 0.0625)
    ]  # fmt: skip
    held = [id(p) for g in groups for p in g["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    assert parameter_groups(model, lr=2.6)[1]["lr"] == pytest.approx(1.0)


def test_no_group_holds_a_frozen_parameter_and_depth_still_counts():
    model = small()
    freeze(model, ["backbone.block1", "backbone.block3"])
    groups = parameter_groups(model, lr=1.0, decay=2)
    assert [(g["name"], g["lr"]) for g in groups] == [
        ("head", 1.0), ("block4", 0.5), ("block2", 0.125)
    ]  # fmt: skip
    assert all(p.requires_grad for g in groups for p in g["params"])


def test_sgd_moves_each_block_by_its_own_rate(task):
    """One step: the change divided by the gradient is the rate of the group."""
    model = small()
    groups = parameter_groups(model, lr=0.1, decay=10)
    before, gradients = state(model), {}
    for name, parameter in model.named_parameters():
        parameter.register_hook(lambda grad, name=name: gradients.update({name: grad.clone()}))
    whole = torch.utils.data.TensorDataset(task.train.inputs, task.train.labels)
    batch = torch.utils.data.DataLoader(whole, batch_size=len(whole))
    tl.fit(model, batch, epochs=1, optimizer=torch.optim.SGD(groups, lr=1), progress=False)
    after = model.state_dict()
    for name, rate in [("head.weight", 0.1), ("backbone.block4.1.weight", 0.01), ("backbone.block2.1.weight", 1e-4)]:  # fmt: skip
        expected = before[name] - rate * gradients[name].cpu()
        torch.testing.assert_close(after[name].cpu(), expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, words",
    [({"lr": 0}, "lr is 0"), ({"lr": 1e-3, "decay": 0.5}, "decay is 0.5.*1 or more")],
)
def test_rates_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        parameter_groups(small(), **arguments)


def test_nothing_to_train_is_an_error():
    model = small()
    freeze(model, "*")
    with pytest.raises(ValueError, match="every one of them is frozen"):
        parameter_groups(model, lr=1e-3)


# -- gradual unfreezing --------------------------------------------------------------------------


class Watch:
    """Callback: what is trainable and what the optimizer holds, at the end of each epoch."""

    def __init__(self):
        self.blocks, self.rates, self.same = [], [], []

    def on_epoch_end(self, run):
        model, optimizer = run.modules["model"], run.optimizers["optimizer"]
        held = [id(p) for group in optimizer.param_groups for p in group["params"]]
        wanted = [id(p) for p in model.parameters() if p.requires_grad]
        self.same.append(sorted(held) == sorted(wanted))
        self.blocks.append(
            [n for n, b in model.blocks if all(p.requires_grad for p in b.parameters())]
        )
        self.rates.append([group["lr"] for group in optimizer.param_groups])


def gradual(task, every=1, decay=1.0, **options):
    model, watch = small(), Watch()
    freeze(model, "backbone")
    callbacks = [GradualUnfreezing(every, decay), watch]
    train(model, task, callbacks=callbacks, **({"epochs": 6} | options))
    return model, watch


def test_one_more_block_learns_after_each_epoch_and_the_optimizer_follows(task):
    _, watch = gradual(task)
    assert watch.blocks == [
        [],
        ["block4"],
        ["block3", "block4"],
        ["block2", "block3", "block4"],
        ["block1", "block2", "block3", "block4"],
        ["block1", "block2", "block3", "block4"],
    ]
    assert watch.same == [True] * 6


def test_what_is_still_frozen_stays_bit_for_bit(task):
    before = state(small())
    model, _ = gradual(task, epochs=3)  # blocks 4 and 3 have joined, 2 and 1 have not
    moved = {name.split(".")[1] for name in changed(before, model) if "backbone" in name}
    assert moved == {"block4", "block3"}


def test_blocks_join_every_so_many_epochs_at_a_lower_rate(task):
    _, watch = gradual(task, every=2, decay=2, lr=0.1)
    assert [len(blocks) for blocks in watch.blocks] == [0, 0, 1, 1, 2, 2]
    assert watch.rates[-1] == [0.1, 0.05, 0.025]


def test_a_schedule_governs_the_new_groups_as_well(task):
    _, watch = gradual(task, decay=2, lr=0.1, schedule="cosine")
    for rates in watch.rates:
        assert rates == pytest.approx([rates[0] / 2**depth for depth in range(len(rates))])
    assert watch.rates[-1][0] < watch.rates[1][0]


@pytest.mark.parametrize("steps", [3, 6, 8, 11])
def test_a_resumed_run_equals_an_uninterrupted_one(task, tmp_path, steps):
    """Interrupted in mid-epoch or between epochs, then gone on with a fresh model and optimizer."""
    whole, _ = gradual(task, batch_size=18, epochs=5)  # 3 batches an epoch

    class Stop:
        """A callback whose epoch never ends well: it stops the run after so many batches."""

        def on_epoch_start(self, run):
            self.run = run

    model = small()
    freeze(model, "backbone")
    stop, seen = Stop(), []

    def count(module, args):
        if module.training:
            seen.append(1)
            if len(seen) == steps:
                stop.run.stop = True

    hook = model.register_forward_pre_hook(count)
    options = {"batch_size": 18, "epochs": 5, "checkpoint": tmp_path / "run.pt"}
    first = train(model, task, callbacks=[GradualUnfreezing(), stop], **options)
    hook.remove()
    assert len(first.train_loss) < 5 and len(seen) == steps

    again = small()
    freeze(again, "backbone")
    train(again, task, callbacks=[GradualUnfreezing(), Stop()], resume=True, **options)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_it_starts_from_a_frozen_backbone_only(task, tmp_path):
    with pytest.raises(ValueError, match=r"frozen backbone.*freeze\(model, 'backbone'\)"):
        train(small(), task, callbacks=[GradualUnfreezing()])
    model, options = small(), {"checkpoint": tmp_path / "run.pt", "epochs": 2}
    freeze(model, "backbone")
    train(model, task, callbacks=[GradualUnfreezing()], **options)
    options |= {"epochs": 3, "resume": True}
    with pytest.raises(ValueError, match=r"frozen backbone.*freeze\(model, 'backbone'\)"):
        train(model, task, callbacks=[GradualUnfreezing()], **options)  # block 4 is unfrozen in it


def test_the_same_callback_can_serve_a_second_run(task):
    callback = GradualUnfreezing()
    for _ in range(2):
        model, watch = small(), Watch()
        freeze(model, "backbone")
        train(model, task, epochs=2, callbacks=[callback, watch])
        assert watch.blocks == [[], ["block4"]] and watch.same == [True, True]


@pytest.mark.parametrize(
    "arguments, words",
    [({"every": 0}, "every=0"), ({"every": 1.5}, "every=1.5"), ({"decay": 0.5}, "decay is 0.5")],
)
def test_arguments_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        GradualUnfreezing(**arguments)

"""The exercises of lesson 06: right answers pass, plausible wrong ones get a hint that fits."""

import copy

from torch import nn


def test_choose_k(prove):
    prove(
        "06.1",
        solution=2,
        stub=...,
        wrong=[
            (1, "larger k"),
            (0, "larger k"),
            (3, "frozen parameter"),
            (9, "AdamW"),
            (2.0, "whole number"),
            (True, "whole number"),
            (12, "from 0 to 9"),
        ],
    )


def test_trainable_parameters(prove):
    def solution(model):
        return sum(p.numel() for p in model.parameters() if p.requires_grad)

    def stub(model): ...

    def frozen(model):
        return sum(p.numel() for p in model.parameters() if not p.requires_grad)

    def by_layer(model):
        """Counts a layer when its first parameter is trainable."""
        layers = [list(part.parameters()) for part in model.children()]
        return sum(sum(p.numel() for p in ps) for ps in layers if ps and ps[0].requires_grad)

    def twice(model):
        names = model.named_parameters(remove_duplicate=False)
        return sum(p.numel() for _, p in names if p.requires_grad)

    def at_least_one(model):
        return solution(model) or 1

    prove(
        "06.2",
        solution=solution,
        stub=stub,
        wrong=[
            (lambda model: sum(p.numel() for p in model.parameters()), "leave out the frozen"),
            (lambda model: sum(p.requires_grad for p in model.parameters()), "tensors"),
            (lambda model: sum(v.numel() for v in model.state_dict().values()), "statistics"),
            (frozen, "others are asked for"),
            (by_layer, "by half"),
            (at_least_one, "everything is frozen"),
            (twice, "share one weight"),
            (lambda model: "many", "the count is wrong"),
            (lambda model: solution(model) and None, "nothing back"),
        ],
    )


def test_freeze_for_good(prove):
    def solution(module):
        module.requires_grad_(False)
        module.eval()
        module.train = lambda mode=True: module  # model.train() calls this one
        return module

    def by_forward(module):
        """Another right one: back to eval mode before every forward pass."""
        module.requires_grad_(False)
        module.register_forward_pre_hook(lambda module, inputs: module.eval() and None)
        return module

    def stub(module): ...

    def only_gradients(module):
        return module.requires_grad_(False)

    def only_eval(module):
        return module.eval()

    def eval_once(module):
        return module.requires_grad_(False).eval()

    def without_momentum(module):
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = 0.0
                part.num_batches_tracked = None
        return module.requires_grad_(False)

    def a_copy(module):
        return solution(copy.deepcopy(module))

    wrong = [
        (only_gradients, "train mode, the frozen part too"),
        (eval_once, "running_mean"),
        (only_eval, "Gradients still reach"),
        (without_momentum, "the batch's own mean"),
        (a_copy, "the module that came in"),
        (lambda module: solution(module) and None, "nothing back"),
    ]
    prove("06.3", solution=solution, stub=stub, wrong=wrong, secrets=["requires_grad_", "lambda"])
    prove(
        "06.3", solution=by_forward, stub=stub, wrong=wrong, secrets=["register_forward_pre_hook"]
    )

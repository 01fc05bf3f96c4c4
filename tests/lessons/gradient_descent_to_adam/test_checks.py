"""Lesson 03: its own code against torch.optim, and its exercises."""

import pytest
import torch

from tools.notebooks import lessons, read

TOLERANCE = 1e-6
STEPS = 100
HOW = {  # the lesson's rule, its settings, and torch's optimizer
    "plain": ({}, torch.optim.SGD, {}),
    "momentum": ({}, torch.optim.SGD, {"momentum": 0.9}),
    "momentum of 0.5": ({"beta": 0.5}, torch.optim.SGD, {"momentum": 0.5}),
    "nesterov": ({}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": ({}, torch.optim.Adam, {}),
    "adam of other means": (
        {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3},
        torch.optim.Adam,
        {"betas": (0.8, 0.95), "eps": 1e-3},
    ),
    "adamw": ({}, torch.optim.AdamW, {}),
    "adamw of strong decay": ({"weight_decay": 0.3}, torch.optim.AdamW, {"weight_decay": 0.3}),
}


@pytest.fixture(scope="module")
def lesson():
    """What the lesson's cells of methods define; they are found by what they define."""
    [path] = [path for path in lessons() if "gradient_descent" in path.name]
    cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    names = {"torch": torch}
    for wanted in ("descend", "momentum", "adam"):
        [source] = [source for source in cells if f"def {wanted}(" in source]
        exec(source, names)
    return names


def network(w, inputs, labels):
    """The loss of a small network with tanh, all weights in one vector: not convex, not flat."""
    first, second = w[:40].view(8, 5), w[40:].view(5, 3)
    return torch.nn.functional.cross_entropy((inputs @ first).tanh() @ second, labels)


gradient = torch.func.grad(network)


@pytest.fixture
def problem():
    torch.manual_seed(0)
    w = torch.randn(55, dtype=torch.float64)
    return w, torch.randn(64, 8, dtype=torch.float64), torch.randint(3, (64,))


def torchs(make, w, batches):
    """The weights after each step of torch's own optimizer."""
    w = torch.nn.Parameter(w.clone())
    optimizer, path = make([w]), [w.detach().clone()]
    for inputs, labels in batches:
        optimizer.zero_grad()
        network(w, inputs, labels).backward()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


def sgd(lr):
    return lambda parameters: torch.optim.SGD(parameters, lr=lr)


def test_full_batch_is_torchs_sgd_on_all_samples(lesson, problem):
    w, inputs, labels = problem
    found = torch.stack(lesson["descend"](w, gradient, inputs, labels, lr=0.3, steps=STEPS))
    wanted = torchs(sgd(0.3), w, [(inputs, labels)] * STEPS)
    assert (found - wanted).abs().max() <= TOLERANCE < (wanted[-1] - w).abs().max()


@pytest.mark.parametrize("size", [1, 16])
def test_stochastic_is_torchs_sgd_on_the_same_batches(lesson, problem, size):
    w, inputs, labels = problem
    seen = []

    def watched(w, some_inputs, some_labels):
        seen.append((some_inputs, some_labels))
        return gradient(w, some_inputs, some_labels)

    path = lesson["descend"](w, watched, inputs, labels, 0.1, STEPS, batch_size=size)
    wanted = torchs(sgd(0.1), w, seen)
    assert (torch.stack(path) - wanted).abs().max() <= TOLERANCE
    assert {len(batch) for batch, _ in seen} == {size}
    assert len({tuple(labels.tolist()) for _, labels in seen}) > 1, "batches are drawn anew"
    rows = {tuple(row): label for row, label in zip(inputs.tolist(), labels.tolist(), strict=True)}
    for some_inputs, some_labels in seen:
        assert [rows[tuple(row)] for row in some_inputs.tolist()] == some_labels.tolist()


@pytest.mark.parametrize("name", HOW)
@pytest.mark.parametrize("lr", [0.1, 0.003])
def test_each_rule_is_torchs_step_by_step(lesson, problem, name, lr):
    settings, optimizer, theirs = HOW[name]
    w, inputs, labels = problem
    batches = [(inputs[chosen], labels[chosen]) for chosen in torch.randint(64, (STEPS, 16))]
    rule, memory, path = lesson[name.split()[0]], {}, [w]
    for batch in batches:
        path.append(rule(path[-1], gradient(path[-1], *batch), memory, lr, **settings))
    wanted = torchs(lambda parameters: optimizer(parameters, lr=lr, **theirs), w, batches)
    assert (torch.stack(path) - wanted).abs().max() <= TOLERANCE < (wanted[-1] - w).abs().max()


def test_each_method_takes_fifteen_visible_lines_at_most(lesson):
    import ast

    [path] = [path for path in lessons() if "gradient_descent" in path.name]
    lines = {}
    for cell in read(path).cells:
        if cell.cell_type == "code" and "%" not in cell.source[:1]:
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.FunctionDef):
                    lines[node.name] = node.end_lineno - node.lineno + 1
    methods = ["descend", "plain", "momentum", "nesterov", "adam", "adamw"]
    assert all(lines[method] <= 15 for method in methods), lines


def test_largest_rate(prove):
    prove(
        "03.1",
        solution=0.025,
        stub=...,
        wrong=[
            (1.0, "other one"),
            (1 / 80, "one step"),
            (2 / 82, "equally fast"),
            (0.03, "grow"),
            (0.02, "larger ones"),
            (-0.025, "above 0"),
        ],
    )


def rmsprop(mean=None, root=torch.sqrt, share=0.1, outside=1e-6, inside=0.0, sign=-1):
    """RMSprop, with every mistake one can make in it."""

    def rule(w, g, memory, lr):
        new = (1 - share) * memory.get("mean", 0) + share * g**2
        if mean is None:
            memory["mean"] = new
        return w + sign * lr * g / (root(new + inside) + outside)

    return rule


def test_rmsprop(prove):
    def stub(w, g, memory, lr): ...

    def corrected(w, g, memory, lr):
        memory["t"] = memory.get("t", 0) + 1
        mean = memory["mean"] = 0.9 * memory.get("mean", 0) + 0.1 * g**2
        return w - lr * g / ((mean / (1 - 0.9 ** memory["t"])).sqrt() + 1e-6)

    def sums(w, g, memory, lr):
        total = memory["mean"] = memory.get("mean", 0) + 0.1 * g**2
        return w - lr * g / (total.sqrt() + 1e-6)

    prove(
        "03.2",
        solution=rmsprop(),
        stub=stub,
        secrets=["sqrt", "memory.get"],
        wrong=[
            (lambda w, g, memory, lr: w - lr * g, "plain gradient descent"),
            (rmsprop(root=lambda mean: mean), "missing"),
            (rmsprop(share=0.9), "changed places"),
            (rmsprop(mean="forgotten"), "into memory"),
            (rmsprop(outside=0.0, inside=1e-6), "under the root"),
            (rmsprop(sign=1), "sign"),
            (corrected, "starts at zero"),
            (sums, "fade"),
            (lambda w, g, memory, lr: (w - lr * g).sum(), "shape"),
            (lambda w, g, memory, lr: rmsprop()(w, g.mul_(2), memory, lr), "changed"),
        ],
    )


def test_warm_up_then_linear(prove):
    def stub(step, total): ...

    def solution(step, total):
        warm_up = total // 10
        return min((step + 1) / warm_up, (total - step) / (total - warm_up))

    def without(step, total):
        return 1.0 if step < total // 10 else solution(step, total)

    def from_zero(step, total):
        return step / (total // 10) if step < total // 10 else solution(step, total)

    def stays(step, total):
        return min(1.0, (step + 1) / (total // 10))

    def of_forty(step, total):
        return solution(step, 40) if step < 40 else 0.1

    def cosine(step, total):
        import math

        warm_up = total // 10
        share = (step - warm_up) / (total - warm_up)
        return (step + 1) / warm_up if share < 0 else (1 + math.cos(math.pi * share)) / 2

    prove(
        "03.3",
        solution=solution,
        stub=stub,
        secrets=["total // 10"],
        wrong=[
            (without, "no warm-up"),
            (from_zero, "wasted"),
            (stays, "stays"),
            (of_forty, "length"),
            (cosine, "straight line"),
            (lambda step, total: 3 * solution(step, total), "above one"),
        ],
    )

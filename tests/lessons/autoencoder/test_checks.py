"""The exercises of the lesson on autoencoders: the solution, the stub, and the mistakes one makes."""

import torch
from sklearn.decomposition import PCA


def pairs(widths):
    return list(zip(widths, widths[1:], strict=False))


def test_count_the_parameters(prove):
    def solution(widths):
        whole = widths + widths[-2::-1]
        return sum(a * b + b for a, b in pairs(whole))

    def stub(widths): ...

    prove(
        "09.1",
        solution=solution,
        stub=stub,
        wrong=[
            (lambda w: sum(2 * a * b for a, b in pairs(w)), "bias for each"),
            (lambda w: sum(a * b + b for a, b in pairs(w)), "encoder"),
            (lambda w: 2 * sum(a * b + b for a, b in pairs(w)), "Twice"),
            (lambda w: sum(a * b + a for a, b in pairs(w + w[::-1])), "pairs of layers"),
            (lambda w: len(w), "pairs of layers"),
        ],
        secrets=[223834],
    )


def test_the_solution_counts_what_torch_counts():
    from torch import nn

    widths = [784, 128, 64, 32, 16, 8, 4, 2]
    whole = widths + widths[-2::-1]
    network = nn.Sequential(*(nn.Linear(a, b) for a, b in pairs(whole)))
    assert sum(p.numel() for p in network.parameters()) == sum(a * b + b for a, b in pairs(whole))


def test_the_denoising_loss(prove):
    def solution(model, images, noise):
        return ((model(images + noise) - images) ** 2).mean()

    def stub(model, images, noise): ...

    def inplace(model, images, noise):
        images += noise
        return ((model(images) - images) ** 2).mean()

    prove(
        "09.2",
        solution=solution,
        stub=stub,
        wrong=[
            (lambda m, x, n: ((m(x + n) - x - n) ** 2).mean(), "keep the noise"),
            (lambda m, x, n: ((m(x) - x) ** 2).mean(), "plain loss"),
            (lambda m, x, n: ((m(x) - x - n) ** 2).mean(), "changed places"),
            (lambda m, x, n: ((m(x + n) - x) ** 2).sum(), "sum"),
            (lambda m, x, n: ((m(x + n) - x) ** 2).mean((1, 2, 3)), "one number"),
            (lambda m, x, n: (m(x + n) - x).abs().mean(), "absolute"),
            (lambda m, x, n: (n**2).mean(), "model is missing"),
            (lambda m, x, n: m(x).mean(), "Which tensor"),
            (inplace, "changed"),
        ],
    )


def test_the_best_linear_code(prove):
    def solution(inputs, k):
        pca = PCA(k).fit(inputs)
        return torch.tensor(pca.inverse_transform(pca.transform(inputs))).float()

    def stub(inputs, k): ...

    def raw(inputs, k):
        u, s, v = torch.linalg.svd(inputs, full_matrices=False)
        return (u[:, :k] * s[:k]) @ v[:k]

    prove(
        "09.3",
        solution=solution,
        stub=stub,
        wrong=[
            (lambda x, k: solution(x, k) - x.mean(0), "mean again"),
            (raw, "Subtract"),
            (lambda x, k: x, "themselves"),
            (lambda x, k: solution(x, k - 1), "missing"),
            (lambda x, k: solution(x, k + 1), "too many"),
            (lambda x, k: x.mean(0).expand_as(x), "can be had"),
            (lambda x, k: torch.tensor(PCA(k).fit_transform(x)), "rebuilt"),
        ],
    )

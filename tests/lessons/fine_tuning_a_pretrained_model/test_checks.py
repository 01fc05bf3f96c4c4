"""The exercises of lesson 05."""

import copy

import torch
from torch import nn


def test_normalise(prove):
    def stub(image): ...

    mean, std = 0.45, 0.22
    prove(
        "05.1",
        solution=lambda image: image / 127.5 - 1,
        stub=stub,
        wrong=[
            (lambda image: (image - 0.5) / 0.5, "scale the 0 to 255"),
            (lambda image: image / 255, "also wants negative"),
            (lambda image: (image / 255 - mean) / std, "mean and std of this network"),
            (lambda image: image / 255 - 0.5, "which ends"),
            (lambda image: 1 - image / 127.5, "changed places"),
            (lambda image: image // 127 - 1, "whole numbers"),
            (lambda image: (image / 127.5 - 1)[None], "own shape"),
            (lambda image: (image / 127.5 - 1).mean(), "own shape"),
        ],
    )
    prove(
        "05.1",
        solution=lambda image: (image.float() / 255 - 0.5) / 0.5,
        stub=stub,
        wrong=[(lambda image: image.fill_(0).float(), "was changed")] * 2
        + [(lambda image: image.float(), "scale")],
    )


def test_one_epoch(prove):
    def stub(model, batches, optimizer): ...

    def loop(*, frozen=True, zero=True, step=True, mean="images", thaw=False, score=None):
        score = score or nn.functional.cross_entropy

        def one_epoch(model, batches, optimizer):
            model.train()
            if frozen:
                model.backbone.eval()
            if thaw:
                model.backbone[1].weight.data += 1
            losses, sizes = [], []
            for images, labels in batches:
                if zero:
                    optimizer.zero_grad()
                loss = score(model(images), labels)
                loss.backward()
                if step:
                    optimizer.step()
                losses.append(loss.item())
                sizes.append(len(labels) if mean == "images" else 1)
            if mean == "last":
                return losses[-1]
            return sum(x * n for x, n in zip(losses, sizes, strict=True)) / sum(sizes)

        return one_epoch

    prove(
        "05.2",
        solution=loop(),
        stub=stub,
        wrong=[
            (loop(frozen=False), "statistics moved"),
            (loop(thaw=True), "only the head learns"),
            (loop(zero=False), "set to zero"),
            (loop(step=False), "did not change"),
            (loop(score=nn.functional.multi_margin_loss), "something else"),
            (loop(mean="batches"), "fewer images"),
            (loop(mean="last"), "last batch alone"),
            (lambda *given: 2 * loop()(*given), "is another"),
        ],
    )


def test_one_channel(prove):
    def stub(conv): ...

    def adapted(conv, change, **options):
        asked = {
            "stride": conv.stride,
            "padding": conv.padding,
            "bias": conv.bias is not None,
            **options,
        }
        grey = nn.Conv2d(1, conv.out_channels, conv.kernel_size, **asked)
        with torch.no_grad():
            grey.weight.copy_(change(conv.weight))
            if grey.bias is not None:
                grey.bias.copy_(conv.bias)
        return grey

    def summed(weight):
        return weight.sum(1, keepdim=True)

    def change_in_place(conv):
        conv.weight.data.zero_()
        return conv

    prove(
        "05.3",
        solution=lambda conv: adapted(conv, summed),
        stub=stub,
        wrong=[
            (lambda conv: adapted(conv, lambda w: w.mean(1, keepdim=True)), "a third"),
            (lambda conv: adapted(conv, lambda w: w[:, :1]), "One colour"),
            (lambda conv: adapted(conv, summed, bias=False), "bias"),
            (lambda conv: adapted(conv, summed, stride=1), "another shape"),
            (lambda conv: adapted(conv, lambda w: w.amax(1, keepdim=True)), "differ from"),
            (lambda conv: copy.deepcopy(conv), "more than one channel"),
            (lambda conv: summed(conv.weight), "Return an nn.Conv2d"),
            (change_in_place, "was changed"),
        ],
    )

"""The checks of the lesson on Adam: the largest rate of a valley, RMSprop, a schedule with warm-up."""

import torch

from tl_helpers.teaching.exercises import close, exercise

STEEPEST, FLATTEST = 80, 2  # curvatures of the valley of exercise 03.1


@exercise("03.1", "The largest rate", expects="one learning rate, a number")
def largest_rate(answer):
    answer = float(answer)
    limit = 2 / STEEPEST
    if close(answer, limit):
        return None
    if close(answer, 2 / FLATTEST):
        return "With this rate the flat direction just holds. What happens in the other one?"
    if close(answer, 1 / STEEPEST):
        return "With this rate the steep direction arrives in one step. How much more can it bear?"
    if close(answer, 2 / (STEEPEST + FLATTEST)):
        return "This rate brings both directions in equally fast; larger ones still converge."
    if not 0 < answer:
        return "A learning rate is above 0."
    if answer > limit:
        return "With this rate the steps across the valley grow: each lands farther out."
    return "With this rate the descent converges, and so it does with some larger ones."


@exercise("03.2", "RMSprop", expects="a function of (w, g, memory, lr) that returns the new w")
def rmsprop(answer):
    gradients = torch.randn(8, 4, dtype=torch.float64)
    gradients[:, 3] *= 1e-4  # where the place of the small constant shows
    start, lr = torch.ones(4, dtype=torch.float64), 0.01
    wanted = [start.clone()]
    parameter = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.RMSprop([parameter], lr=lr, alpha=0.9, eps=1e-6)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        wanted.append(parameter.detach().clone())

    w, memory, kept = start.clone(), {}, gradients.clone()
    found = [w]
    for gradient in gradients:
        w = answer(w, gradient, memory, lr)
        if not isinstance(w, torch.Tensor) or w.shape != start.shape:
            return "Return the new weights, in the shape of the old ones."
        found.append(w)
    if not torch.equal(gradients, kept):
        return "The gradient that came in was changed; make new tensors."

    first, second = found[1] - start, found[2] - found[1]
    if close(first, start - wanted[1]):
        return "The sign is turned round: a step goes against the gradient."
    if close(first, -lr * gradients[0]):
        return "The first step is plain gradient descent: nothing is divided yet."
    if close(first, -lr * gradients[0] / (0.1 * gradients[0] ** 2 + 1e-6)):
        return "You divide by the mean of the squares itself; one operation on it is missing."
    if close(first, -lr * gradients[0] / (gradients[0].abs() + 1e-6)):
        return (
            "The first step has the full length of the rate: in RMSprop the mean starts at zero, "
            "and nothing corrects for that."
        )
    if close(first, -lr * gradients[0] / ((0.9**0.5) * gradients[0].abs() + 1e-6)):
        return "The two shares have changed places: the old mean keeps most of its weight."
    if close(first, -lr * gradients[0] / (0.1 * gradients[0] ** 2 + 1e-6).sqrt()):
        return "The small constant stands under the root; add it outside."
    if not close(first, wanted[1] - start):
        return "Already the first step is not the asked one: write out mean, root and step again."
    if close(second, -lr * gradients[1] / (0.1**0.5 * gradients[1].abs() + 1e-6)):
        return "The second step has forgotten the first: does the mean go back into memory?"
    if not close(torch.stack(found), torch.stack(wanted)):
        return "The first step is right, the later ones are not: how does the old mean fade?"


@exercise("03.3", "A schedule", expects="a function of (step, total) that returns a factor")
def warm_up_then_linear(answer):
    for total in (40, 200):
        hint = _schedule(answer, total)
        if hint:
            return hint


def _schedule(answer, total):
    warm_up = total // 10
    rising = [(step + 1) / warm_up for step in range(warm_up)]
    falling = [(total - step) / (total - warm_up) for step in range(warm_up, total)]
    factors = [float(answer(step, total)) for step in range(total)]
    if close(factors, rising + falling):
        return None
    if factors[0] == 0:
        return "The first step has the factor 0: it is wasted."
    if max(factors) > 1 + 1e-6:
        return "A factor goes above one: it is a share of the rate, and the top is the whole rate."
    if close(factors[:warm_up], [1.0] * warm_up):
        return "There is no warm-up: the first steps already have the full rate."
    if close(factors[warm_up:], [1.0] * (total - warm_up)):
        return "After the warm-up the rate stays; it shall fall to the end."
    if not close(factors[:warm_up], rising):
        return (
            f"With {total} steps in all, the warm-up is not the one asked for: look at its length."
        )
    if factors[-1] <= 0:
        return "The last step has the factor 0 or less: it is wasted."
    return "The warm-up is right; the fall is not a straight line from the full rate to the end."

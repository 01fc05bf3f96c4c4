"""The mechanism of the exercises, on three that are registered here."""

import json

import pytest
import torch

from tl_helpers.teaching import exercises


def right_share(logits, labels):
    return (logits.argmax(1) == labels).float().mean()


@pytest.fixture(autouse=True)
def three_exercises(monkeypatch, tmp_path):
    """Three exercises that no lesson has: a function, a number, a model; and a progress file."""
    monkeypatch.setattr(exercises, "_exercises", {})
    monkeypatch.setattr(exercises, "_states", {})
    monkeypatch.setenv("TL_EXERCISES", str(tmp_path / "state" / "progress.json"))

    @exercises.exercise("90.1", "Accuracy", expects="a function of (logits, labels)")
    def accuracy(answer):
        logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0], [0.0, 5.0]])
        labels = torch.tensor([0, 1, 0, 0])
        found = answer(logits, labels)
        if exercises.close(found, 75):
            return "accuracy is a fraction here, not a percentage."
        if exercises.close(found, 3):
            return "divide by the number of items."
        if not exercises.close(found, 0.75):
            return "compare the most likely class of each row with its label."

    @exercises.exercise("90.2", "Weights of a head", expects="a whole number")
    def weights(answer):
        if answer == 128 * 10:
            return "each class has a bias as well."
        if answer != 128 * 10 + 10:
            return "count a weight for each feature and class, and the biases."

    @exercises.exercise("91.1", "A head of three classes", expects="a torch.nn.Module")
    def head(answer):
        out = answer(torch.ones(2, 8))
        answer.weight.data.zero_()  # a check may do what it likes to its copy
        if out.shape != (2, 3):
            return "the last layer needs one output for each class."


def test_each_exercise_is_proven(prove):
    def stub(logits, labels):
        """Return the share of rows that are right."""
        ...

    prove(
        "90.1",
        solution=right_share,
        stub=stub,
        wrong=[
            (lambda logits, labels: 100 * right_share(logits, labels), "percentage"),
            (lambda logits, labels: (logits.argmax(1) == labels).sum(), "divide"),
            (lambda logits, labels: (logits.argmin(1) == labels).float().mean(), "most likely"),
            (lambda logits, labels: 0.8, "most likely"),
        ],
        secrets=[0.75],
    )
    prove("90.2", solution=1290, stub=..., wrong=[(1280, "bias"), (10, "each"), (0, "each")])
    prove(
        "91.1",
        solution=torch.nn.Linear(8, 3),
        stub=...,
        wrong=[
            (torch.nn.Linear(8, 2), "one output"),
            (torch.nn.Linear(4, 3), "could not be checked.*torch.nn.Module"),
            (lambda inputs: [].append(inputs), "nothing back"),
        ],
    )


def test_prove_fails_where_an_exercise_is_weak(prove):
    @exercises.exercise("92.1", "Tells", expects="a number")
    def tells(answer):
        return None if answer == 42 else f"the answer is {42 if answer else 41}."

    @exercises.exercise("92.2", "Accepts all", expects="a number")
    def accepts(answer):
        return None

    @exercises.exercise("92.3", "One hint", expects="a number")
    def one_hint(answer):
        return None if answer == 42 else "wrong."

    for number, wrong, words in [
        ("92.1", [(0, "the"), (1, "the"), (2, "the")], "tells"),
        ("92.2", [(0, ""), (1, ""), (2, "")], "accepts a wrong answer"),
        ("92.3", [(0, "wrong"), (1, "wrong"), (2, "wrong")], "one hint"),
        ("92.3", [(0, "wrong"), (1, "wrong")], "2 wrong answers"),
        ("92.3", [(0, "bias"), (1, "wrong"), (2, "wrong")], "'bias' not in"),
    ]:
        with pytest.raises(AssertionError, match=words):
            prove(number, solution=42, stub=..., wrong=wrong)
    with pytest.raises(AssertionError, match="refused"):
        prove("90.2", solution=1280, stub=..., wrong=[])


def unfinished(logits, labels):
    total = ...
    return total / len(labels)


@pytest.mark.parametrize(
    "stub", [..., lambda logits, labels: ..., unfinished, [..., 2], {"a": ...}]
)
def test_a_stub_is_not_attempted_and_is_not_noted(stub, capsys):
    exercises.check("90.1", stub)
    assert capsys.readouterr().out == (
        "○ 90.1 not attempted: put your work in the place of the `...`\n"
    )
    assert not exercises._file().exists()


def test_a_module_whose_forward_is_still_a_stub_is_not_attempted():
    class Head(torch.nn.Module):
        def forward(self, inputs): ...

    assert exercises.verdict("91.1", Head()).state == "not attempted"


def test_an_error_in_the_answer_is_explained_with_its_line(capsys):
    def broken(logits, labels):
        return right_share(logits, undefined)  # noqa: F821

    exercises.check("90.1", broken)
    out = capsys.readouterr().out
    assert out.startswith("✘ 90.1 not yet: your code stopped with NameError: name 'undefined'")
    assert "return right_share(logits, undefined)" in out
    exercises.check("90.1", lambda: 1)  # cannot even be called
    assert "TypeError" in capsys.readouterr().out


def test_an_answer_of_another_kind_is_met_with_what_is_asked_for():
    hint = exercises.verdict("90.1", "0.75").hint
    assert "could not be checked" in hint and "a function of (logits, labels)" in hint


def test_the_students_model_and_the_random_state_are_left_alone():
    model = torch.nn.Linear(8, 3)
    before = model.weight.clone()
    state = torch.random.get_rng_state()
    assert exercises.verdict("91.1", model).state == "solved"
    assert torch.equal(model.weight, before)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator")
def test_the_verdict_is_the_same_on_an_accelerator():
    device = torch.accelerator.current_accelerator()

    def on_device(logits, labels):
        return right_share(logits.to(device), labels.to(device))

    assert exercises.verdict("90.1", on_device).state == "solved"
    assert exercises.verdict("91.1", torch.nn.Linear(8, 3, device=device)).state == "solved"
    assert "one output" in exercises.verdict("91.1", torch.nn.Linear(8, 2, device=device)).hint


def test_progress_shows_states_and_keeps_what_was_solved(capsys, monkeypatch):
    exercises.check("90.2", 1290)
    exercises.check("90.2", 5)  # tried again, wrong: it stays solved
    exercises.check("90.1", lambda logits, labels: 0.0)
    monkeypatch.setattr(exercises, "_states", {})  # as after a restart of the kernel
    capsys.readouterr()
    exercises.progress()
    assert capsys.readouterr().out.splitlines() == [
        "90.1  Accuracy                 ✘ not yet",
        "90.2  Weights of a head        ✔ solved",
        "91.1  A head of three classes  ○ not attempted",
        "1 of 3 solved",
    ]
    exercises.progress("91")
    assert capsys.readouterr().out.splitlines()[-1] == "0 of 1 solved"
    assert json.loads(exercises._file().read_text()) == {"90.1": "not yet", "90.2": "solved"}


def test_a_damaged_or_unwritable_progress_file_does_not_stop_a_lesson(
    capsys, monkeypatch, tmp_path
):
    file = tmp_path / "damaged.json"
    file.write_text("{")
    monkeypatch.setenv("TL_EXERCISES", str(file))
    exercises.check("90.2", 1290)
    assert json.loads(file.read_text()) == {"90.2": "solved"}
    monkeypatch.setenv("TL_EXERCISES", str(file / "below a file" / "progress.json"))
    exercises.check("90.1", right_share)
    exercises.progress("90")
    assert "2 of 2 solved" in capsys.readouterr().out


def test_progress_off_keeps_nothing_beyond_the_kernel(monkeypatch, tmp_path):
    monkeypatch.setenv("TL_EXERCISES", "off")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    exercises.check("90.2", 1290)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("TL_EXERCISES")
    monkeypatch.setattr(exercises.sys, "platform", "linux")
    assert exercises._file() == tmp_path / "tl_helpers" / "progress.json"


def test_unknown_names_say_what_there_is():
    with pytest.raises(ValueError, match="expected one of 90.1, 90.2, 91.1"):
        exercises.check("90.9", 1)
    with pytest.raises(ValueError, match="expected one of 90, 91"):
        exercises.progress("12")


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (0.5, torch.tensor(0.5), True),
        (torch.tensor([1.0, 2.0], requires_grad=True), [1, 2], True),
        ([torch.tensor(1.0), 2], [1, 2], True),
        (0.5002, 0.5, True),
        (0.51, 0.5, False),
        ([0.5], 0.5, False),
        (float("nan"), 0.5, False),
        ("0.5", 0.5, False),
        (None, 0.5, False),
        ([[1], [1, 2]], [1, 2], False),
    ],
)
def test_close_compares_values_and_shapes(found, wanted, same):
    assert exercises.close(found, wanted) is same

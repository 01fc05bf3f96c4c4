"""What the recipe of the lesson rests on, in the installed major version of transformers."""

import inspect

import pytest
from transformers import TrainingArguments
from transformers.optimization import get_linear_schedule_with_warmup

TAKEN = (
    "output_dir",
    "num_train_epochs",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "warmup_steps",
    "weight_decay",
    "logging_steps",
    "dataloader_pin_memory",
    "seed",
    "disable_tqdm",
    "report_to",
    "save_strategy",
)


def test_the_installed_library_knows_every_argument_of_the_recipe():
    known = inspect.signature(TrainingArguments).parameters
    assert [name for name in TAKEN if name not in known] == []


@pytest.mark.parametrize("removed", ["evaluation_strategy", "per_gpu_train_batch_size"])
def test_an_argument_that_was_removed_is_an_error(removed, tmp_path):
    with pytest.raises(TypeError, match=removed):
        TrainingArguments(output_dir=str(tmp_path), **{removed: "epoch"})


def test_what_the_recipe_leaves_out_is_what_the_lesson_says(tmp_path):
    left_out = TrainingArguments(output_dir=str(tmp_path))
    assert left_out.learning_rate == 5e-5 and left_out.max_grad_norm == 1.0
    assert left_out.lr_scheduler_type == "linear" and "adamw" in left_out.optim


def test_five_hundred_steps_of_warm_up_end_75_steps_at_15_percent():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = get_linear_schedule_with_warmup(optimizer, 500, 75), []
    for _ in range(75):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(74 / 500) and rates[0] == 0

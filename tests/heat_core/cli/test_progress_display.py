"""Progress on standard error: a bar on a terminal, plain lines now and then in a pipe."""

import io

import pytest

from heat_core.cli.progress_display import ProgressDisplay


class Terminal(io.StringIO):
    """A text stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when a test says so."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def pipe() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def report_epochs(display: ProgressDisplay, prior: str, epochs: range, of: int, clock: Clock | None = None) -> None:
    for epoch in epochs:
        message = f"{prior}: epoch {epoch} of {of}, loss {1 / epoch:.4f}"
        display.report("residual", message, prior=prior, epoch=epoch, epochs=of, loss=1 / epoch, eta=float(of - epoch))
        if clock:
            clock.seconds += 1


def test_a_pipe_gets_a_line_every_few_seconds(pipe):
    """A pipe gets the first and the last line, and one every few seconds."""
    clock = Clock()
    display = ProgressDisplay(interval=5, clock=clock, file=pipe)
    report_epochs(display, "gmm", range(1, 14), 13, clock)
    display.close()
    assert pipe.getvalue().splitlines() == [
        "[residual] gmm: epoch 1 of 13, loss 1.0000 · 12 s left",
        "[residual] gmm: epoch 6 of 13, loss 0.1667 · 7 s left",
        "[residual] gmm: epoch 11 of 13, loss 0.0909 · 2 s left",
        "[residual] gmm: epoch 13 of 13, loss 0.0769",
    ]


def test_the_last_line_of_a_step_that_ends_early_is_printed(pipe):
    display = ProgressDisplay(clock=Clock(), file=pipe)
    report_epochs(display, "gmm", range(1, 4), 9)
    report_epochs(display, "el", range(1, 3), 9)
    display.close()
    epochs = [line.partition(",")[0] for line in pipe.getvalue().splitlines()]
    assert epochs == [
        *("[residual] gmm: epoch 1 of 9", "[residual] gmm: epoch 3 of 9"),
        *("[residual] el: epoch 1 of 9", "[residual] el: epoch 2 of 9"),
    ]


def test_sentences_are_all_printed_in_a_pipe(pipe):
    display = ProgressDisplay(clock=Clock(), file=pipe)
    for message in ("Using cpu.", "Loading resnet18.", "id: 3 unreadable images skipped: a, b, c"):
        display.report("features", message)
    display.report("study", "Run 1 of 2: λ = 1, seed 0.", done=0, total=2)
    display.report("study", "λ = 1, seed 0: The disk is full.", done=0, total=2)
    display.report("study", "Run 2 of 2: λ = 1, seed 1.", done=1, total=2)
    display.report("study", "All runs are done.", done=2, total=2)
    assert len(pipe.getvalue().splitlines()) == 7


def test_rate_and_time_left_end_a_plain_line(pipe):
    values = {"dataset": "id", "done": 32, "total": 64, "images_per_s": 16.0, "eta": 2.0}
    ProgressDisplay(file=pipe).report("features", "id: 32 of 64 images", **values)
    assert pipe.getvalue() == "[features] id: 32 of 64 images · 16 images/s · 2 s left\n"


def test_a_terminal_gets_one_bar_for_each_step(terminal):
    display = ProgressDisplay(file=terminal)
    for name in ("id", "far\x1b[31m"):
        for done in (32, 64):
            display.report("features", f"{name}: {done} of 64 images", dataset=name, done=done, total=64)
    display.close()
    shown = terminal.getvalue()
    assert shown.count("\n") == 2
    assert "\x1b[31m" not in shown
    last = [line.split("\r")[-1] for line in shown.split("\n")[:2]]
    assert [line.partition(":")[0] for line in last] == ["[features] id", "[features] far\\x1b[31m"]
    assert all("100%" in line and "64/64" in line and "images/s" in line and "<00:00" in line for line in last)


def test_a_bar_shows_loss_and_sentences_stand_above_it(terminal):
    display = ProgressDisplay(file=terminal)
    report_epochs(display, "gmm", range(1, 4), 3)
    display.report("residual", "gmm: the residual varies 0.5 times as much as its prior (`balanced`).", prior="gmm")
    display.report("beta", "β without OOD data: 0 tells ID features from noisy ones.")
    display.close()
    shown = terminal.getvalue()
    assert "loss 0.3333" in shown
    assert "3/3" in shown
    assert "[residual] gmm: the residual varies 0.5 times as much as its prior (`balanced`).\n" in shown
    assert shown.endswith("[beta] β without OOD data: 0 tells ID features from noisy ones.\n")
    assert "epoch 2 of 3" not in shown


def test_a_dumb_terminal_gets_plain_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    report_epochs(ProgressDisplay(file=terminal), "gmm", range(1, 2), 3)
    assert terminal.getvalue() == "[residual] gmm: epoch 1 of 3, loss 1.0000 · 2 s left\n"


def test_training_steps_are_counted_over_all_epochs(terminal):
    display = ProgressDisplay(file=terminal)
    values = {"epochs": 2, "steps": 10, "loss": 0.5, "accuracy": 0.75, "images_per_s": 9.0, "eta": 1.0}
    display.report("train", "epoch 2/2, 5/10: loss 0.5", epoch=2, step=5, **values)
    display.close()
    assert "15/20" in terminal.getvalue()
    assert "loss 0.5000, accuracy 75.0%" in terminal.getvalue()

"""Progress and cancellation: what listeners hear, and that cancelled work stops."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import types

import pytest
from rich.console import Console

from extremeearth.core.errors import CancelledError
from extremeearth.core.progress import (
    SILENT,
    CancelToken,
    EventProgress,
    LineProgress,
    NotebookProgress,
    ProgressEvent,
    Task,
    lines,
    notebooks,
    progress_for,
)
from extremeearth.core.progress.bars import BarProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def heard(token: CancelToken | None = None) -> tuple[list[ProgressEvent], EventProgress]:
    events: list[ProgressEvent] = []
    return events, EventProgress(events.append, token=token)


def test_a_task_tells_start_steps_and_end() -> None:
    events, progress = heard()
    with Task(progress, "tiles", total=3) as task:
        task.advance()
        task.advance(2)
    assert [(e.done, e.total, e.finished) for e in events] == [
        (0, 3, False), (1, 3, False), (3, 3, False), (3, 3, True)
    ]  # fmt: skip


def test_a_task_that_fails_does_not_say_that_it_finished() -> None:
    events, progress = heard()
    with pytest.raises(RuntimeError), Task(progress, "tiles", total=3):
        raise RuntimeError
    assert not any(event.finished for event in events)


def test_tracking_counts_an_item_after_its_use_and_learns_the_size() -> None:
    events, progress = heard()
    with Task(progress, "tiles") as task:
        for number in task.track([10, 20]):
            assert events[-1].done == {10: 0, 20: 1}[number]
    assert events[-1] == ProgressEvent("tiles", 2, 2, finished=True)


def test_the_size_of_a_stream_stays_unknown() -> None:
    events, progress = heard()
    with Task(progress, "lines") as task:
        list(task.track(iter("abc")))
    assert events[-1] == ProgressEvent("lines", 3, None, finished=True)
    assert events[-1].fraction is None


@pytest.mark.parametrize(
    ("done", "total", "fraction"),
    [(0, 4, 0), (1, 4, 0.25), (9, 4, 1), (1, None, None), (1, 0, None)],
)
def test_the_fraction_stays_between_nothing_and_all(
    done: float, total: float | None, fraction: float | None
) -> None:
    assert ProgressEvent("x", done, total).fraction == fraction


def test_cancelled_work_stops_at_its_next_step() -> None:
    token = CancelToken()
    _, progress = heard(token)
    steps = []

    def work() -> None:
        with Task(progress, "tiles", total=9) as task:
            for number in task.track(range(9)):
                steps.append(number)
                if number == 3:
                    token.cancel()

    with pytest.raises(CancelledError):
        work()
    assert steps == [0, 1, 2, 3]
    assert token.cancelled


def test_cancelled_work_does_not_even_begin() -> None:
    token = CancelToken()
    token.cancel()
    events, progress = heard(token)
    with pytest.raises(CancelledError), Task(progress, "tiles"):
        raise AssertionError("began")
    assert events == []


def test_another_thread_can_cancel() -> None:
    token = CancelToken()
    _, progress = heard(token)
    began = threading.Event()

    def cancel() -> None:
        began.wait()
        token.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()

    def work() -> None:
        with Task(progress, "endless") as task:
            while True:
                began.set()
                task.advance()

    with pytest.raises(CancelledError):
        work()
    thread.join()


def test_steps_of_many_threads_all_count() -> None:
    events, progress = heard()
    with Task(progress, "tiles", total=4000) as task:
        threads = [
            threading.Thread(target=lambda: [task.advance() for _ in range(1000)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert events[-1].done == 4000


def test_lines_come_at_start_and_end_and_not_for_every_step() -> None:
    stream = io.StringIO()
    with Task(LineProgress(stream), "tiles", total=1000) as task:
        for _ in task.track(range(1000)):
            pass
    lines = stream.getvalue().splitlines()
    assert lines[0] == "tiles: 0/1000 ..."
    assert lines[-1] == "tiles: 1000/1000 done"
    assert len(lines) < 10


def test_lines_come_again_when_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(lines.time, "monotonic", lambda: clock[0])
    stream = io.StringIO()
    with Task(LineProgress(stream), "lines") as task:
        for _ in range(3):
            task.advance()
            clock[0] += 1.5
    assert stream.getvalue().splitlines() == ["lines: 0 ...", "lines: 3 ...", "lines: 3 done"]


def test_bars_on_a_terminal_and_lines_elsewhere() -> None:
    terminal = Terminal()
    bars = progress_for(terminal)
    assert isinstance(bars, BarProgress)
    with bars, Task(bars, "tiles", total=2) as task:
        task.advance(2)
    assert "tiles" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    token = CancelToken()
    lines = progress_for(io.StringIO(), token=token)
    assert isinstance(lines, LineProgress)
    assert lines.token is token


def test_a_bar_of_unknown_size_ends_full() -> None:
    terminal = Terminal()
    with (
        BarProgress(Console(file=terminal, force_terminal=True)) as bars,
        Task(bars, "lines") as task,
    ):
        task.advance(5)
    assert "5/5" in terminal.getvalue()
    assert re.search(r"\d/s", terminal.getvalue())


def test_labels_are_written_as_they_are() -> None:
    terminal = Terminal()
    bars = progress_for(terminal)
    with bars, Task(bars, "read [a].csv[/b]", total=1) as task:
        task.advance()
    assert "read [a].csv[/b]" in terminal.getvalue()


def test_silence_is_silent() -> None:
    with Task(SILENT, "x", total=1) as task:
        task.advance()
    assert not SILENT.token.cancelled


class Handle:
    """What IPython's `display` gives to draw something anew."""

    def __init__(self, shown: list[str], place: int) -> None:
        self.shown, self.place = shown, place

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown[self.place] = bundle["text/plain"]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    shown: list[str] = []

    def display(bundle: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        shown.append(bundle["text/plain"])
        return Handle(shown, len(shown) - 1)

    page = types.ModuleType("IPython.display")
    page.display = display  # type: ignore[attr-defined]  # made up
    shell = types.ModuleType("IPython")
    shell.display = page  # type: ignore[attr-defined]  # made up
    shell.get_ipython = lambda: types.SimpleNamespace(kernel=object())  # type: ignore[attr-defined]  # made up
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    return shown


def test_a_notebook_draws_each_task_in_its_place(
    notebook: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_for() as progress:
        assert isinstance(progress, NotebookProgress)
        with Task(progress, "rows", total=1000) as rows, Task(progress, "tiles") as tiles:
            for _ in rows.track(range(1000)):
                tiles.advance(2)
    assert notebook == ["rows: 1000/1000 done", "tiles: 2000/2000 done"]
    assert capsys.readouterr() == ("", "")


def test_a_notebook_says_that_an_interrupted_task_was_stopped(notebook: list[str]) -> None:
    def work() -> None:
        with progress_for() as progress, Task(progress, "rows", total=9) as task:
            task.advance(4)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert notebook == ["rows: 4/9 stopped"]


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = types.ModuleType("IPython")
    shell.get_ipython = types.SimpleNamespace  # type: ignore[attr-defined]  # made up
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert not isinstance(progress_for(), NotebookProgress)


def test_labels_are_no_page(notebook: list[str]) -> None:
    made = notebooks._bundle(ProgressEvent("<script>", 1, 2), 0, "")
    assert "<script>" not in made["text/html"]
    assert 'value="1" max="2"' in made["text/html"]


def test_what_is_shown_where_there_is_no_notebook_imports_none() -> None:
    code = (
        "import sys; from extremeearth.core.progress import progress_for; progress_for(); "
        "print('IPython' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"

"""Commands that are ended from outside: what they take away, and their exit codes."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from extremeearth.app.command_line import endings


@pytest.fixture(params=["SIGTERM", "SIGHUP"])
def end(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    number = signal.Signals[request.param]
    before = signal.getsignal(number)
    yield number
    signal.signal(number, before)


def test_a_shutdown_or_a_lost_terminal_is_like_ctrl_c(end: signal.Signals) -> None:
    signal.signal(end, signal.SIG_DFL)  # whatever started the tests may have it ignored
    with pytest.raises(KeyboardInterrupt) as raised, endings.tidied_when_ended():
        signal.raise_signal(end)
    assert endings.exit_code_of(raised.value) == 128 + end
    assert signal.getsignal(end) == signal.SIG_DFL


def test_what_is_ignored_ends_nothing(end: signal.Signals) -> None:
    signal.signal(end, signal.SIG_IGN)  # as nohup does
    with endings.tidied_when_ended():
        signal.raise_signal(end)
    assert signal.getsignal(end) == signal.SIG_IGN

import io

from ssl_lib.publishing.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_elsewhere_lines_are_appended_once():
    stream = io.StringIO()
    progress = Progress(["a", "long"], stream)
    progress.begin("a", ["never run"])
    progress.cell("a", 1, 3)
    progress.cell("a", 2, 3)
    progress.tick()
    progress.end("a", "done in 2.0 s")
    lines = stream.getvalue().splitlines()
    assert lines == ["  a     starts: never run  0 s", "  a     done in 2.0 s"]


def test_a_slow_notebook_reports_between(monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    progress = Progress(["a"], stream)
    progress.begin("a")
    for number in range(1, 5):
        progress.cell("a", number, 9)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("  a  starts")
    assert 1 < len(lines) < 5, "not every cell has a line"


def test_a_terminal_line_is_redrawn_in_place():
    stream = Terminal()
    progress = Progress(["a", "b"], stream)
    progress.begin("a")
    progress.cell("a", 3, 7)
    drawn = stream.getvalue()
    assert drawn.count("\x1b[2A") == 1, "the second drawing moves up over the first two lines"
    assert "cell 3/7" in drawn
    assert "waits" in drawn


def test_many_reasons_are_counted():
    stream = io.StringIO()
    Progress(["a"], stream).begin("a", ["x changed", "y changed", "z changed"])
    assert "starts: x changed and 2 more" in stream.getvalue()

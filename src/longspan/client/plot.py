"""How do a few series of numbers look in a terminal, or in a file that a terminal's output went to?

`plot` draws lines over one axis of numbers, `bars` a histogram. Both give plain text, whole lines without trailing
spaces; `drawn` is the same plot as rich's `Text`, with colours where a terminal shows them. Series are told apart by
how they are drawn, never by colour alone: the first is a fine line, the others rows of their own mark. Quantities
with different units belong in plots of their own, one below the other; their axes stand in line.

Why no library draws them: docs/decisions/0060-lines-in-a-terminal.md.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

STYLES = (("", "cyan"), ("•", "yellow"), ("+", "magenta"), ("x", "green"))
"""Mark and colour of each series in turn; no mark is the fine line of braille dots."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character's dots by row and column. Source: Unicode 16, block 2800-28FF."""

_GUTTER = 7
"""Columns for the numbers of the upright axis."""
_LEAST_WIDTH, _MOST_WIDTH = 40, 120
_LEAST_STEP = 1e-9
_BAR = " ▏▎▍▌▋▊▉█"

_EXPONENT = re.compile(r"e(?:\+|(-))0*")
"""Of a number in ``1.2e+06``: what of it says nothing."""

Cell = tuple[str, str]
"""A character and its colour."""


def plot(
    title: str,
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    unit: str = "",
    x_unit: str = "s",
    width: int | None = None,
    height: int = 8,
    marks: Sequence[float] = (),
) -> str:
    """Lines over `x` (rising), one for each name of `series`; each as long as `x`, NaN where there is no value.

    `width` in columns, else the terminal's, or 80 where there is none; `height` in lines of the drawing itself,
    about: round numbers stand at even distances. `marks` are places on the axis to point at. The upright axis begins
    at 0, or below where a value does. Raises `ValueError` for more series than `STYLES` or one whose length is another.
    """
    return drawn(title, x, series, unit=unit, x_unit=x_unit, width=width, height=height, marks=marks).plain


def drawn(
    title: str,
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    unit: str = "",
    x_unit: str = "s",
    width: int | None = None,
    height: int = 8,
    marks: Sequence[float] = (),
) -> Text:
    """As `plot`, with colours."""
    if len(series) > len(STYLES):
        raise ValueError(f"a plot shows at most {len(STYLES)} series, got {len(series)}")
    for name, values in series.items():
        if len(values) != len(x):
            raise ValueError(f"{name} has {len(values)} values for {len(x)} places")
    known = [value for values in series.values() for value in values if math.isfinite(value)]
    least = 1.0 if all(value == round(value) for value in known) else _LEAST_STEP
    low, high, step = _scale(min([0.0, *known]), max([0.0, *known]), height, least)
    count = round((high - low) / step)
    height = count * max(1, round((height - 1) / count)) + 1
    columns = fitting(width) - _GUTTER - 1
    across = (min(x, default=0.0), max(x, default=0.0))
    grid: list[list[Cell]] = [[(" ", "")] * columns for _ in range(height)]
    for (mark, colour), values in zip(STYLES, series.values(), strict=False):
        _draw(grid, mark, colour, _points(x, values, across, (low, high), columns, height, fine=not mark))
    text = _heading(title, list(series), unit)
    for row, cells in enumerate(grid):
        text.append("\n" + _upright(row, height, low, high, step), "dim")
        for index in range(len("".join(character for character, _ in cells).rstrip())):
            text.append(*cells[index])
    text.append("\n" + _along(across, x_unit, columns, marks), "dim")
    return text


def bars(title: str, rows: Sequence[tuple[str, int]], *, width: int | None = None) -> str:
    """A line for each (label, count), as long as its share of the largest."""
    label, count = (max((len(text) for text in texts), default=0) for texts in _columns(rows))
    room = max(8, fitting(width) - label - count - 4)
    most = max((number for _, number in rows), default=0)
    lines = [title] if title else []
    for name, number in rows:
        eighths = round(number / most * room * 8) if most else 0
        # What happened at all is seen, however seldom.
        bar = "█" * (eighths // 8) + _BAR[eighths % 8].strip() or ("▏" if number else "")
        lines.append(f"{name:>{label}}  {number:>{count}}  {bar}".rstrip())
    return "\n".join(lines)


def fitting(width: int | None) -> int:
    """Columns to draw on: as asked, else those of the terminal within reason; 80 where there is none."""
    if width is not None:
        return max(_LEAST_WIDTH, width)
    return min(_MOST_WIDTH, max(_LEAST_WIDTH, shutil.get_terminal_size((80, 24)).columns))


def _columns(rows: Sequence[tuple[str, int]]) -> tuple[list[str], list[str]]:
    return [label for label, _ in rows], [str(number) for _, number in rows]


def _scale(low: float, high: float, height: int, least: float = _LEAST_STEP) -> tuple[float, float, float]:
    """Round bounds that hold both, and the distance of round numbers between them: 1, 2 or 5 times a power of ten."""
    wanted = max((high - low) / max(1, height // 2), least) if high > low else 1.0
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))
    return math.floor(low / step) * step, max(math.ceil(high / step - 1e-9), math.floor(low / step) + 1) * step, step


def _points(
    x: Sequence[float],
    values: Sequence[float],
    across: tuple[float, float],
    up: tuple[float, float],
    columns: int,
    height: int,
    *,
    fine: bool,
) -> Iterator[tuple[int, int]]:
    """The places of a line, as (column, row from the top); `fine`: 2 columns and 4 rows to a character."""
    wide, high = (columns * 2 - 1, height * 4 - 1) if fine else (columns - 1, height - 1)
    before: tuple[int, int] | None = None
    for at, value in zip(x, values, strict=True):
        if not math.isfinite(value):
            before = None
            continue
        here = (
            round((at - across[0]) / ((across[1] - across[0]) or 1.0) * wide),
            round((up[1] - value) / (up[1] - up[0]) * high),
        )
        column, row = before or here
        steps = max(abs(here[0] - column), abs(here[1] - row), 1)
        for n in range(steps + 1):
            yield round(column + (here[0] - column) * n / steps), round(row + (here[1] - row) * n / steps)
        before = here


def _draw(grid: list[list[Cell]], mark: str, colour: str, points: Iterator[tuple[int, int]]) -> None:
    for column, row in points:
        if mark:
            grid[row][column] = (mark, colour)
            continue
        line, at = grid[row // 4], column // 2
        bits = (ord(line[at][0]) if line[at][0] != " " else 0x2800) | _DOTS[row % 4][column % 2]
        line[at] = (chr(bits), colour)


def _heading(title: str, names: Sequence[str], unit: str) -> Text:
    text = Text(title + (f" ({unit})" if unit else ""), style="")
    text.stylize("bold")
    for (mark, colour), name in zip(STYLES, names, strict=False):
        text.append("   ")
        text.append((mark or "⠒") * 2, colour)
        text.append(f" {name}", "dim")
    return text


def _upright(row: int, height: int, low: float, high: float, step: float) -> str:
    """What stands left of a line: a round number where one falls on it, and the axis."""
    for index in range(round((high - low) / step) + 1):
        value = (round(low / step) + index) * step
        if round((high - value) / (high - low) * (height - 1)) == row:
            return f"{_number(value):>{_GUTTER}}┤"
    return " " * _GUTTER + "│"


def _along(across: tuple[float, float], unit: str, columns: int, marks: Sequence[float]) -> str:
    """The level axis with its round numbers, and a line that points at `marks`."""
    low, high = across
    span = (high - low) or 1.0
    _, _, step = _scale(0.0, span, max(3, columns // 6))
    room = columns - len(unit) - 1
    axis, numbers, pointing = ["─"] * columns, [" "] * room, [" "] * columns
    for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        at = round((index * step - low) / span * (columns - 1))
        axis[at] = "┬"
        text = _number(index * step)
        first = max(0, min(at - len(text) // 2, room - len(text)))
        if not any(character.strip() for character in numbers[max(0, first - 1) : first + len(text)]):
            numbers[first : first + len(text)] = text
    for mark in marks:
        if low <= mark <= high:
            pointing[round((mark - low) / span * (columns - 1))] = "▲"
    left = " " * _GUTTER
    lines = [f"{left}└{''.join(axis)}", f"{left} {''.join(numbers).rstrip()} {unit}".rstrip()]
    if marks:
        lines.insert(1, f"{left} {''.join(pointing)}".rstrip())
    return "\n".join(lines)


def _number(value: float) -> str:
    """As exact as there is room for beside the axis: ``-1.2e6``, never wider than the numbers' column."""
    texts = [_EXPONENT.sub(r"e\1", f"{value:.{digits}g}") for digits in range(6, 0, -1)]
    return next((text for text in texts if len(text) <= _GUTTER), texts[-1])

"""How wrong is a text? The share of letters that must be changed, added or taken away to make it right."""

from __future__ import annotations


def edits(text: str, truth: str) -> int:
    """The least number of letters to replace, insert or delete (Levenshtein), white space counted as one blank."""
    text, truth = _plain(text), _plain(truth)
    row = list(range(len(truth) + 1))
    for count, letter in enumerate(text, 1):
        corner, row[0] = row[0], count
        for place, right in enumerate(truth, 1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (letter != right))
    return row[-1]


def length(truth: str) -> int:
    """Letters of the truth, white space counted as one blank."""
    return len(_plain(truth))


def _plain(text: str) -> str:
    return " ".join(text.split())

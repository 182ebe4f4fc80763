"""What does the exit code of a worker say?

0: it was told to go. 1: it could not begin, and its last message says why. The others a worker chooses when it gives
itself up; whoever sees it end (control) tells the reason by these words.
"""

from __future__ import annotations

HUNG = 124
"""As of ``timeout(1)``."""
NO_DESCRIPTORS = 123
MANY_THREADS = 122

REASONS: dict[int, str] = {
    HUNG: "gave itself up since a step hung",
    NO_DESCRIPTORS: "gave itself up since its descriptors ran out",
    MANY_THREADS: "gave itself up since it had too many threads",
}
"""Exit code -> what happened, in words."""

"""``python -m longspan.control --file FILE --state FOLDER``, or ``... once VERB --file FILE --state FOLDER``."""

from __future__ import annotations

from longspan.control.main import main

raise SystemExit(main())

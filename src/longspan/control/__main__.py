"""``python -m longspan.control --file FILE --state FOLDER``, or ``... once VERB --file FILE --state FOLDER``."""

from longspan.control.main import main

raise SystemExit(main())

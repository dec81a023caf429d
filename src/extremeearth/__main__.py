"""``python -m extremeearth`` is the command line."""

from __future__ import annotations

from extremeearth.app.command_line import main

if __name__ == "__main__":
    main()

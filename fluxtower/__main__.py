"""``python -m fluxtower`` is the command ``fluxtower``."""

from fluxtower.cli import main

main()

"""`python -m kws_edge` is `kws-edge`."""

from kws_edge.cli import main

main()

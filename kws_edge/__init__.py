"""kws-edge: keyword spotting for microcontrollers, from recordings to firmware that was proved on the host."""

__version__ = "0.1.0"

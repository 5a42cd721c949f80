"""Recordings to labelled clips: int16 at the spec's sample rate, split by speaker."""

"""Bundles to C: arrays, tables, firmware projects, and the hand-written C99 core itself."""

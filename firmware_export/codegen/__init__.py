"""Generates the C that depends on a bundle."""

"""Clips to int8 features."""

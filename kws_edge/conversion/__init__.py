"""Keras to full-int8 TFLite, and what must hold of the result."""

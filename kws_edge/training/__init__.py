"""Float training, quantization-aware training, checkpoints."""

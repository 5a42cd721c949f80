"""Float training, quantization-aware training, checkpoints; `pipeline.train` walks the whole way to a bundle."""

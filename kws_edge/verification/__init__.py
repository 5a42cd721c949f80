"""What must hold of a bundle: accuracy, parity, memory."""

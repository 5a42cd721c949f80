"""Network families on shared blocks, each with a float and a quantized form of the same weights."""

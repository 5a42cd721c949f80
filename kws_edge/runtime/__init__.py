"""One interpreter protocol over LiteRT, tflite-runtime and TensorFlow Lite Micro."""

"""What is measured of a bundle, from accuracy to detection on streams, and the limits that it must keep."""

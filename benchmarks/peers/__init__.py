"""Other people's programs to measure beside, compiled from the sources that their PyPI packages ship."""

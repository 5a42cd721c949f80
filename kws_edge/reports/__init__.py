"""Tables and plots of what verification measured."""

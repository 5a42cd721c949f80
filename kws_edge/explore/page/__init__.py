"""What `explore` writes: one HTML file that works offline, with plots, tables and sounds in it."""

"""Searching over networks and front ends: what each costs before it is trained, and how good it is after."""

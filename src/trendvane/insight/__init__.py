"""Arithmetic that turns counts into shares with honest intervals. No I/O."""

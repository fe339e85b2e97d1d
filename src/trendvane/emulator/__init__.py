"""A look-alike of the X API v2 on loopback: same paths, same shapes, same traps, invented tweets.

Only the command line and the demo may import it; it knows nothing of the rest but ``trendvane.domain``.
"""

"""The model: its package on disk, the inference engine, and how a package is made."""

"""What a result depends on: its configuration as text, and the source that computes it.

``canonical``    one text for one value
``fingerprint``  the definitions that a function uses, each hashed
``growth``       registries that may grow without changing a result
``source``       a module read as text
``modules``      where modules are, read once
``typed``        what was typed into a notebook
"""

"""From notebooks to the book: run, keep, normalise, stage, build, check.

``runner`` executes notebooks in parallel and keeps what ran well, ``stage`` lays the executed
copies out beside the prose, ``build`` turns that tree into HTML, ``checks`` reads the sources
without running anything.
"""

"""One module or package a chapter: what runs at each profile, as tidy tables and figures.

A chapter imports from every floor below it and never from another chapter.
"""

"""The laboratory of the book: what its pages need beside the library.

``pip install coordlib[lab]`` brings the packages it builds on.
"""

"""The score, for people and by the outcomes: what it is made of, what it is worth, what could be learned instead.

The points themselves are counted in `mapping.scoring`, by which every run computes the score.
"""

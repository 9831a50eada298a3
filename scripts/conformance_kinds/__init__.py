"""Comparers of our code with recorded answers of the real programs, one module a kind of case.

Each exports `disagreement(case)`: None where we agree with the recorded case, else a short reason. A module's name is
the beginning of the names of its vector files; modules that begin with an underscore are no kinds.
"""

"""Weights in nats. Above 0, they speak for the volunteers; below 0, for the author.

`python -m benchmarks.gutenberg --fit` writes this file.
"""

_OF_SIGNS = """
titled 6.27, below 4.66, in_header 4.37, credit 3.98, project 3.78, etext 3.22,
density 2.89, field 2.67, rare_credit 2.58, deixis 2.02, two_rare 1.85, file 1.79,
partner 1.4, rare_deixis 1.21, known_credit 1.15, note 1.12, address 0.9, rare_legal 0.72,
changed 0.64, number 0.51, typography_done 0.47, line 0.43, boxed 0.42, typography 0.4,
agent 0.39, rare_done 0.37, rare_note 0.3, passed 0.25, rare_typography -0.02, contents -0.09,
corrections -0.37, known_field -0.47, money -0.47, tail -0.48, legal -0.57, done -0.81,
preface -0.96, version -1.02, bracketed -1.24, by -1.31, rows -1.98, bias -2.41,
plain -2.51, story -3.22, size -3.54, row -4.0
"""
WEIGHTS = {name: float(weight) for name, weight in map(str.split, _OF_SIGNS.split(","))}
# Of a change from the author to the volunteers, and back: first at the start of a text, then at its end,
# for 2, 3, and 4 or more ends of lines between the paragraphs.
ENTER = [[-2.58, -3.15, -2.77], [-2.36, -2.59, -2.23]]
LEAVE = [[-2.26, -1.58, -0.22], [-2.14, -2.43, -0.75]]
# Of volunteers' words in the first paragraph that is judged, at the start of a text and at its end.
START = [0.06, -1.45]

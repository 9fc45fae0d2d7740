"""Examining a policy. In the order in which a question meets the files:

examination, journal, protocol    asks batch by batch, remembers what is asked, and writes down how
ways, judge                       prompt → responses in every way of asking → judgements
benchmarks, marks, mra            one definition of each benchmark; the mark of one response
reasoning, phrases                does a response reason about time? by its words
reasoning_judge, opinion          the same by a model's opinion
scores, averages, statistics      judgements → marks of all questions → scores, intervals, differences
reports                           what is left on disk
"""

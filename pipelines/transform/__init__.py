"""Records to relations in pure pandas, and the diff of a snapshot against stored state.

No API and no database.
"""

"""Records to relations, in pure pandas, and the decision what to write. No API and no database here."""

"""What the commands that change accounts have in common. Planning and applying are the work of ``pipelines.writeback``."""

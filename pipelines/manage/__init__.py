"""Managing stages and segments: what a file or the past wants, compared with what is, and made so.

Planning is pure; only ``live`` asks, and only ``apply`` sends.
"""

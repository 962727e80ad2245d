"""Changes of stages and segments: compare a desired state with the account, plan the calls, apply them.

Planning is pure; ``live_account`` fetches, and ``apply`` sends.
"""

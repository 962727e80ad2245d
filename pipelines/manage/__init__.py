"""Managing stages and segments: what a file or the past wants, compared with what is. Nothing is asked or sent here."""

"""Managing stages and segments: what a file or the past wants, compared with what is. Pure: nothing is asked or sent here."""

"""Every guard of the program is taken away in turn, to see whether a case or a test notices: apart from the tests."""

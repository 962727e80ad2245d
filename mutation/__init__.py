"""Mutation score of named modules, measured by mutmut in a copy of the project. Not part of the wheel or the tests."""

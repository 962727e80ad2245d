"""The command line that people and cron use, a module for each command. What is done to data is ``pipelines``' work."""

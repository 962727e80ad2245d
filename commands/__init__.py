"""The command line that people and cron use. Each command is a module here; what it does to data is ``pipelines``' work."""

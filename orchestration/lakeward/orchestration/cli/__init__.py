"""The command line: `app` holds commands and `main`, other modules their groups and output."""

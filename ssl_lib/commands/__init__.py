"""The commands of ``ssl-lib``, one a module: HELP, configure(parser), run(args)."""

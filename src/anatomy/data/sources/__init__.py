"""Where data sets come from: one module for each `source` of the configuration, found by its name.

Each has `prepare(name, settings, folder)`: it makes, reads or downloads data set `name` by its entry of the
configuration and writes it to `folder`.
"""

"""Providers as data: the definition format, and the one engine that speaks HTTP to every provider defined so.

`definition` and `blocks` are the format, `catalogue` finds and loads files of it, `traits` says what core and verify
make of one. `http` is the provider engine; below it `rendering` fills templates, `paging` reads lists, `answers` judges
responses, and `client` is the only module that knows the HTTP library. No vendor's name stands in this package.
"""

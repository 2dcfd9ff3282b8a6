"""Rows for tables and lists: plain frozen values, sorted and filtered here, never by a proxy."""

"""A destination that keeps each stream as a file of JSON lines.

Nothing is imported here, so that read.py can use the storage without paying for the CDK.
"""

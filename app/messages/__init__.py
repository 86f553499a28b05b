"""The sentences of problems, in English and Indonesian."""

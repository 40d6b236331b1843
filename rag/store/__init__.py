"""The catalog, which is the truth about documents and vectors, and the index, which can be rebuilt from it."""

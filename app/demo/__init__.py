"""The demonstration: a fictitious office, its people, and eight weeks of its calendar."""

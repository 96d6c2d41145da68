"""The APIs that clients speak: what their requests ask for, and the shape of their errors."""

"""The dashboard; the only part that uses Textual."""

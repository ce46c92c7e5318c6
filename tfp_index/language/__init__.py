"""Vietnamese and English: one catalogue of messages, and how numbers are written."""

from tfp_index.language.catalogue import CODES, Language, Localized, language

__all__ = ["CODES", "Language", "Localized", "language"]

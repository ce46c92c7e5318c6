"""Total factor productivity of provinces, industries and enterprises."""

"""The data model: frames come in through one door and stand as a sorted panel of arrays."""

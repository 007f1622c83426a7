"""The mutants that the unit tests cannot notice, because they behave as the code does: what they change, and why."""

EXPLAINED: dict[str, str] = {}

"""The service of the first lesson: a client says "Hello", a server answers "World"."""

from server import current_instance, idempotent


@idempotent
def hello(text: str) -> str:
    """Answers "World" to "Hello", and "Hello, NAME" to any other NAME."""
    return "World" if text == "Hello" else f"Hello, {text}"


@idempotent
def whoami() -> str:
    """The name of the server that answers this call."""
    return current_instance()

"""What is raised for a stream that is none."""

__all__ = ["MeshoptError"]


class MeshoptError(ValueError):
    """A stream that breaks the rules of its codec, or data that the codec cannot hold."""

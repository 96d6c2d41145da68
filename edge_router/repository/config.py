"""Reads config.pbtxt by Triton's own schema, so that a misspelt field is refused as in Triton."""

from pathlib import Path

from google.protobuf import text_format

from edge_router.errors import RepositoryError
from edge_router.repository.schema import ModelConfig


def read(file: Path) -> ModelConfig:
    """Reads a configuration. Raises RepositoryError naming the file, the line and the field."""
    try:
        return parse(file.read_text(), file)
    except OSError as error:
        raise RepositoryError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RepositoryError(f"{file}: not a Triton model configuration: {error}") from error


def parse(text: str, file: Path) -> ModelConfig:
    """Parses a configuration. `file`: named in errors. Raises RepositoryError naming the file, the line and the
    field."""
    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        raise RepositoryError(f"{file}: not a Triton model configuration: {error}") from error


def parameters(config: ModelConfig) -> dict[str, str]:
    return {key: value.string_value for key, value in config.parameters.items()}

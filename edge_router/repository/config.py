"""`config.pbtxt` by Triton's own schema, so that a misspelt field is refused here as it is there."""

from pathlib import Path

from google.protobuf import text_format

from edge_router.errors import RepositoryError
from edge_router.repository.schema import ModelConfig


def read(file: Path) -> ModelConfig:
    """Raises RepositoryError naming the file, the line and the field."""
    try:
        return text_format.Parse(file.read_text(), ModelConfig())
    except OSError as error:
        raise RepositoryError(f"{file}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{file}: not a Triton model configuration: {error}") from error


def parameters(config: ModelConfig) -> dict[str, str]:
    return {key: value.string_value for key, value in config.parameters.items()}

"""Reading requests: Moodle's fields, wherever a client puts them."""

from __future__ import annotations

import io
from typing import IO, Any

from flask import Request, g, request
from werkzeug.formparser import FormDataParser

from handler import current, errors, gzipped, parsing
from handler.logs import note
from handler.models.model_id import ModelId

MAX_PARTS = 50


class _StrictParser(FormDataParser):
    """Refuses a body that is broken, where werkzeug would find no fields in it."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        self.silent = not content_length
        try:
            return super().parse(stream, mimetype, content_length, options)
        except ValueError as error:
            raise errors.BadRequest from error


class InMemoryRequest(Request):
    """A request whose uploads stay in memory, as they are read whole anyway."""

    form_data_parser_class = _StrictParser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return io.BytesIO()


def text(name: str, default: str | None = None) -> str:
    """Return a field of the form or of the query string; some clients mix them up.

    Raises
    ------
    MissingField
        When it is absent or empty and there is no default.
    """
    try:
        value = request.form.get(name) or request.args.get(name) or default
    except UnicodeDecodeError as error:  # of the query string
        raise errors.BadRequest from error
    if value is None:
        raise errors.MissingField(name=name)
    return value


def number(name: str, default: float) -> float:
    """Return a field that is a finite number."""
    return parsing.number(name, text(name, str(default)))


def whole_number(name: str, default: int | None, low: int, high: int) -> int:
    """Return a field that is a whole number in a range."""
    value = text(name, None if default is None else str(default))
    return parsing.whole_number(name, value, low, high)


def upload(name: str) -> bytes:
    """Return the content of an uploaded file."""
    if name in request.files:
        stream = request.files[name].stream
        assert isinstance(stream, io.BytesIO)
        return stream.getvalue()  # unlike `read`, no copy
    return text(name).encode()


def dataset() -> gzipped.Unpacked:
    """Return the dataset, which is unpacked as it is read where a client compressed it."""
    return gzipped.Unpacked(upload("dataset"), current.settings().max_dataset_bytes)


def model_id(dirhash: str = "dirhash") -> ModelId:
    """Return which model the request is about.

    Parameters
    ----------
    dirhash : str
        The field that names Moodle's directory.
    """
    model = ModelId.of(g.user, text("uniqueid"), text(dirhash))
    if dirhash == "dirhash":
        note(model=model.folder)
        g.model = model
    return model

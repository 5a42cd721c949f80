"""The one family of errors that users meet: each message names the file, the value and the way out."""

from __future__ import annotations


class KwsEdgeError(Exception):
    """Base of every error that a user can cause; the command line prints it and exits with code 2."""


class SettingsError(KwsEdgeError):
    """A setting is unknown, has the wrong type or an impossible value."""


class CorpusError(KwsEdgeError):
    """Recordings cannot be used: missing, unreadable, or splits that share a speaker."""


class BundleError(KwsEdgeError):
    """A bundle is missing, truncated, edited or of another format version."""


class ConversionError(KwsEdgeError):
    """A model does not convert into what the firmware can run."""


class ExportError(KwsEdgeError):
    """Firmware cannot be written from this model or into this folder."""


class DependencyError(KwsEdgeError):
    """An optional package or an external tool that this command needs is not installed."""


class StorageError(KwsEdgeError):
    """The file system refused: read-only, full, or no permission."""


class FirmwareError(KwsEdgeError):
    """Firmware does not compile, does not fit the board, or does not run to its end."""

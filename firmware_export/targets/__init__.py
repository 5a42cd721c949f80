"""What each SDK wants around the spotter: one package per target, found by being here.

A target is a package in this folder, its name the one that users write with ``_`` for ``-``, which defines:

- ``DESCRIPTION``: what it writes, in the few words that `kws-edge export` prints;
- ``ENGINES``: the engines it can carry, of ``firmware_export.codegen.firmware.ENGINES``;
- ``files(firmware: Firmware) -> dict[str, str]``: every file of the exported folder, path to text. The spotter itself
  is ``spotter_files(firmware)``; a target places those files and adds what its SDK wants. The same firmware must give
  the same files.

Packages that define none of these (the emulated boards) are not targets of an export.
"""

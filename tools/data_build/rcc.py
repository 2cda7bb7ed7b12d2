"""Read a Qt binary resource file (.rcc) without Qt: a tree of names over stored or zlib-compressed files."""

import struct
import zlib

_ENTRY = 22  # bytes of one tree entry since version 2 of the format
_COMPRESSED, _FOLDER, _ZSTANDARD = 1, 2, 4


def read_rcc(path):
    """Return the files of a resource: path inside it -> bytes.

    Raises ``ValueError`` for another format and for Zstandard-compressed entries.
    """
    content = path.read_bytes()
    magic, version, tree, data, names = struct.unpack(">4sIIII", content[:20])
    if magic != b"qres" or version < 2:
        raise ValueError(f"{path}: not a Qt resource file of version 2 or newer")

    def name(offset):
        length = struct.unpack_from(">H", content, names + offset)[0]
        start = names + offset + 6
        return content[start : start + 2 * length].decode("utf-16-be")

    def body(offset, flags):
        length = struct.unpack_from(">I", content, data + offset)[0]
        stored = content[data + offset + 4 : data + offset + 4 + length]
        if flags & _ZSTANDARD:
            raise ValueError(f"{path}: an entry is compressed with Zstandard, which is not read here")
        return zlib.decompress(stored[4:]) if flags & _COMPRESSED else stored

    def walk(index, parent):
        entry = tree + index * _ENTRY
        name_offset, flags = struct.unpack_from(">IH", content, entry)
        path_here = f"{parent}/{name(name_offset)}" if index else ""
        if not flags & _FOLDER:
            return {path_here: body(struct.unpack_from(">I", content, entry + 10)[0], flags)}
        count, first = struct.unpack_from(">II", content, entry + 6)
        return {key: value for child in range(first, first + count) for key, value in walk(child, path_here).items()}

    return walk(0, "")

"""Files to push: random ones, and GGUF and safetensors files that are changed or wrong."""
import json
import os
import struct

from gguf_file import ARRAY, STRING, Gguf  # noqa: F401 - tests take Gguf from here
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MIB = 1 << 20
LARGE = 2_000_000_000 if os.environ.get("MODELFLOAT_NIGHTLY") else 1_200_000_000  # bytes of a large model
ZEROS = bytes(4 * MIB)


def random_pieces(size, seed):
    """`size` bytes that no one can compress, the same for the same seed, in pieces of at most 4 MiB. 2 GB take a second or two."""
    stream = Cipher(algorithms.AES(seed.to_bytes(32, "little")), modes.CTR(bytes(16))).encryptor()
    while size:
        piece = min(size, len(ZEROS))
        yield stream.update(ZEROS[:piece] if piece < len(ZEROS) else ZEROS)
        size -= piece


def random_bytes(size, seed):
    return b"".join(random_pieces(size, seed))


def random_file(path, size, seed):
    with open(path, "wb") as file:
        for piece in random_pieces(size, seed):
            file.write(piece)
    return path


def gguf(tensors, keys=b"", key_count=0, tensor_count=None, body=b""):
    """A GGUF file as written down: tensors are (name, dims, type, offset)."""
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors) if tensor_count is None else tensor_count, key_count) + keys
    for name, dims, kind, offset in tensors:
        out += struct.pack("<Q", len(name)) + name + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", dim) for dim in dims)
        out += struct.pack("<IQ", kind, offset)
    return out + bytes(-len(out) % 32) + body


def text_key(name, value):
    return struct.pack("<Q", len(name)) + name + struct.pack("<IQ", STRING, len(value)) + value


def safetensors(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


F32 = 0
BIG = 1 << 63
MAX = (1 << 64) - 1
BODY = bytes(range(256)) * 16


def hostile_files():
    """{file name: content} of files whose headers lie."""
    tensor = (b"a", [64], F32, 0)
    files = {
        "tensor-count.gguf": gguf([tensor], tensor_count=BIG, body=BODY),
        "key-count.gguf": gguf([tensor], key_count=BIG, body=BODY),
        "wrapping-dims.gguf": gguf([(b"a", [1 << 33, 1 << 33], F32, 0)], body=BODY),
        "wrapping-offset.gguf": gguf([(b"a", [64], F32, MAX - 31)], body=BODY),
        "overlapping.gguf": gguf([tensor, (b"b", [64], F32, 128)], body=BODY),
        "beyond-the-end.gguf": gguf([(b"a", [1 << 20], F32, 0)], body=BODY),
        "long-string.gguf": gguf([tensor], keys=struct.pack("<Q", BIG) + b"general.name", key_count=1, body=BODY),
        "deep-arrays.gguf": gguf([tensor], keys=struct.pack("<Q", 1) + b"k" + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 5000,
                                 key_count=1, body=BODY),
        "cut-off.gguf": gguf([tensor], body=BODY)[:40],
        "magic-alone.gguf": b"GGUF",
        "length.safetensors": struct.pack("<Q", BIG) + b"{}" + BODY,
        "wrapping-length.safetensors": struct.pack("<Q", MAX - 3) + b"{}" + BODY,
        "overlapping.safetensors": safetensors({"a": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]},
                                                "b": {"dtype": "F32", "shape": [64], "data_offsets": [128, 384]}}, BODY[:384]),
        "backwards.safetensors": safetensors({"a": {"dtype": "F32", "shape": [64], "data_offsets": [256, 0]}}, BODY),
        "wrapping-shape.safetensors": safetensors({"a": {"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 256]}}, BODY[:256]),
        "deep.safetensors": safetensors(b'{"a":' * 200_000 + b"1" + b"}" * 200_000, BODY),
        "no-json.safetensors": safetensors(b"\x00\xff{{{{", BODY),
    }
    return files

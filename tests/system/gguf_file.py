"""A GGUF file and sound changes of it. Needs the standard library alone, so that bench/ can use it too."""
import struct

# GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


class Gguf:
    """Where things lie in a sound GGUF file."""

    def __init__(self, data):
        self.data = data
        magic, self.version, self.tensor_count, self.key_count = struct.unpack_from("<4sIQQ", data)
        assert magic == b"GGUF" and self.version == 3
        self.keys_begin = self.at = 24
        self.alignment = 32
        for _ in range(self.key_count):
            key = self.string()
            kind = self.number("<I")
            value = self.value(kind)
            if key == b"general.alignment":
                self.alignment = value
        self.tensors = []  # (name, offset in the tensor data)
        for _ in range(self.tensor_count):
            name = self.string()
            dimensions = self.number("<I")
            self.at += 8 * dimensions + 4
            self.tensors.append((name.decode(), self.number("<Q")))
        self.header_end = self.at
        self.data_begin = self.aligned(self.at)

    def aligned(self, at):
        return (at + self.alignment - 1) // self.alignment * self.alignment

    def number(self, form):
        self.at += struct.calcsize(form)
        return struct.unpack_from(form, self.data, self.at - struct.calcsize(form))[0]

    def string(self):
        length = self.number("<Q")
        self.at += length
        return self.data[self.at - length:self.at]

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            of, count = self.number("<I"), self.number("<Q")
            if of in SCALAR_BYTES:
                self.at += SCALAR_BYTES[of] * count
            else:
                for _ in range(count):
                    self.value(of)
            return None
        size = SCALAR_BYTES[kind]
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "little")

    def with_changed_tensors(self, count):
        """The file with a few bytes of `count` tensors, spread over it, changed."""
        changed = bytearray(self.data)
        step = len(self.tensors) // count
        for name, offset in sorted(self.tensors, key=lambda tensor: tensor[1])[step // 2::step][:count]:
            at = self.data_begin + offset
            changed[at:at + 16] = bytes(byte ^ 0x55 for byte in changed[at:at + 16])
        return bytes(changed)

    def with_longer_header(self, text):
        """The file with one more entry of metadata, so that all tensors lie further back."""
        name = b"general.comment"
        entry = struct.pack("<Q", len(name)) + name + struct.pack("<IQ", STRING, len(text)) + text
        head = struct.pack("<4sIQQ", b"GGUF", self.version, self.tensor_count, self.key_count + 1) + entry
        head += self.data[self.keys_begin:self.header_end]
        return head + bytes(self.aligned(len(head)) - len(head)) + self.data[self.data_begin:]

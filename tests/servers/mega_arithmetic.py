"""What MEGA's clients and servers compute alike: its base64, keys and proofs of a password, numbers for RSA, and where the chunks of a file end."""
import base64
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CHUNK_STEP = 131072
LONGEST_CHUNK = 1048576


def to_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def aes_ecb(key, data):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data)


def v1_key(password):
    """AES in a loop; every four characters of the password are a word, as JavaScript packs them."""
    units = struct.unpack("<%dH" % (len(password.encode("utf-16-le")) // 2), password.encode("utf-16-le"))
    words = [0] * ((len(units) + 3) // 4)
    for i, unit in enumerate(units):
        words[i // 4] |= unit << (24 - 8 * (i % 4)) & 0xFFFFFFFF
    data = b"".join(struct.pack(">I", word) for word in words)
    parts = [Cipher(algorithms.AES(data[i:i + 16].ljust(16, b"\0")), modes.ECB()).encryptor() for i in range(0, len(data), 16)]
    key = bytes.fromhex("93C467E37DB0C7A4D1BE3F810152CB56")
    for _ in range(65536):
        for part in parts:
            key = part.update(key)
    return key


def v1_proof(email, key):
    data = email.encode().ljust((len(email.encode()) + 3) // 4 * 4, b"\0")
    block = bytearray(16)
    for i, byte in enumerate(data):
        block[i % 16] ^= byte
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    block = bytes(block)
    for _ in range(16384):
        block = encryptor.update(block)
    return block[0:4] + block[8:12]


def totp(secret, step):
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", step), "sha1").digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


def mpi(number):
    return struct.pack(">H", number.bit_length()) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def chunk_ends(size):
    ends, end, length = [], 0, CHUNK_STEP
    while end < size:
        end = min(size, end + length)
        ends.append(end)
        length = min(LONGEST_CHUNK, length + CHUNK_STEP)
    return ends

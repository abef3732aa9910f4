"""Writes mega-vectors.json with Python's cryptography and the emulator's own arithmetic, which rclone and megajs log in to. Run once; the file is never edited."""
import hashlib
import json
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from mega_arithmetic import aes_ecb, chunk_ends, mpi, to_base64url, v1_key, v1_proof


def fixed(label, count):
    return hashlib.shake_256(label.encode()).digest(count)


def pattern(size):
    return bytes((i * 31 + (i >> 8) * 17 + (i >> 16) * 7) & 255 for i in range(size))


def cbc(key, iv, data):
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def content(size):
    plain, key, nonce = pattern(size), fixed(f"key {size}", 16), fixed(f"nonce {size}", 8)
    chained, begin = bytes(16), 0
    for end in chunk_ends(size):
        chunk = plain[begin:end]
        chained = aes_ecb(key, bytes(a ^ b for a, b in zip(chained, cbc(key, nonce * 2, chunk + bytes(-len(chunk) % 16))[-16:])))
        begin = end
    words = struct.unpack(">4I", chained)
    encrypted = Cipher(algorithms.AES(key), modes.CTR(nonce + bytes(8))).encryptor().update(plain)
    return {"size": size, "key": key.hex(), "nonce": nonce.hex(), "mac": struct.pack(">2I", words[0] ^ words[1], words[2] ^ words[3]).hex(),
            "encrypted_sha256": hashlib.sha256(encrypted).hexdigest()}


def session(first):
    private = rsa.generate_private_key(65537, 2048)
    numbers, user, master_key = private.private_numbers(), to_base64url(fixed("user", 8)), fixed("master", 16)
    plain = bytes([first]) + fixed("session", 15) + user.encode() + fixed("rest", 16)
    public = private.public_key().public_numbers()
    challenge = pow(int.from_bytes(b"\0" + plain + fixed("pad", 255 - len(plain)), "big"), public.e, public.n)
    key = b"".join(mpi(n) for n in (numbers.p, numbers.q, numbers.d, pow(numbers.p, -1, numbers.q)))
    key += fixed("fill", -len(key) % 16)
    return {"master_key": master_key.hex(), "private_key": to_base64url(aes_ecb(master_key, key)), "challenge": to_base64url(mpi(challenge)), "user": user,
            "session": to_base64url(plain)}


def hashcash(easiness):
    token = fixed("token", 48)
    threshold = (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)
    tries = [struct.unpack(">I", hashlib.sha256(struct.pack(">I", prefix) + token * 262144).digest()[:4])[0] <= threshold for prefix in range(12)]
    return {"easiness": easiness, "token": to_base64url(token), "solutions": [prefix for prefix, good in enumerate(tries) if good], "tried": len(tries)}


def main():
    passwords = [("user@example.com", "correct horse battery staple"), ("a@b.c", "x"), ("muller@example.com", "Übergrößenträger"),
                 ("user@example.com", "пароль с пробелом"), ("user@example.com", "key \U0001F511 of sixteen and more letters")]
    v1 = []
    for email, password in passwords:
        key = v1_key(password)
        v1.append({"email": email, "password": password, "key": key.hex(), "proof": to_base64url(v1_proof(email, key))})
    v2 = []
    for _, password in passwords:
        salt = fixed("salt " + password, 32)
        derived = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100000, 32)
        v2.append({"password": password, "salt": salt.hex(), "key": derived[:16].hex(), "proof": to_base64url(derived[16:])})
    names = []
    for name in ("a", "FORMAT.txt", "64" * 32, 'quote " and \\ and ü'):
        data = b"MEGA" + json.dumps({"n": name}, separators=(",", ":"), ensure_ascii=False).encode()
        key = fixed("attributes " + name, 16)
        names.append({"name": name, "key": key.hex(), "attributes": to_base64url(cbc(key, bytes(16), data + bytes(-len(data) % 16)))})
    vectors = {"v1": v1, "v2": v2, "contents": [content(size) for size in (0, 1, 15, 16, 17, 131072, 131073, 400000, 4718592, 6000001)],
               "names": names, "sessions": [session(0x41), session(0)], "hashcash": [hashcash(255), hashcash(220)]}
    Path(__file__).with_name("mega-vectors.json").write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()

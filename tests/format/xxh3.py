# SPDX-License-Identifier: MIT
"""XXH3 with 64 bits, in plain Python, from its published specification.

Slow, and meant to be: nothing here is shared with the C code it checks.
"""

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
M64 = (1 << 64) - 1
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1 = 0x9E3779B185EBCA87
P64_2 = 0xC2B2AE3D27D4EB4F
P64_3 = 0x165667B19E3779F9
P64_4 = 0x85EBCA77C2B2AE63
P64_5 = 0x27D4EB2F165667C5
PMX1 = 0x165667919E3779F9
PMX2 = 0x9FB21C651E98DF25


def u32(b, at):
    return int.from_bytes(b[at:at + 4], "little")


def u64(b, at):
    return int.from_bytes(b[at:at + 8], "little")


def swap64(x):
    return int.from_bytes(x.to_bytes(8, "little"), "big")


def rotl64(x, n):
    return ((x << n) | (x >> (64 - n))) & M64


def avalanche(h):
    h ^= h >> 37
    h = h * PMX1 & M64
    return h ^ (h >> 32)


def avalanche_xxh64(h):
    h ^= h >> 33
    h = h * P64_2 & M64
    h ^= h >> 29
    h = h * P64_3 & M64
    return h ^ (h >> 32)


def fold(a, b):
    p = a * b
    return (p & M64) ^ (p >> 64)


def mix16(d, at, s, seed):
    return fold(u64(d, at) ^ ((u64(SECRET, s) + seed) & M64),
                u64(d, at + 8) ^ ((u64(SECRET, s + 8) - seed) & M64))


def short(d, seed):
    n = len(d)
    if n == 0:
        return avalanche_xxh64(seed ^ u64(SECRET, 56) ^ u64(SECRET, 64))
    if n <= 3:
        c = (d[0] << 16) | (d[n >> 1] << 24) | d[n - 1] | (n << 8)
        flip = ((u32(SECRET, 0) ^ u32(SECRET, 4)) + seed) & M64
        return avalanche_xxh64(c ^ flip)
    if n <= 8:
        low = int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big")
        seed ^= low << 32
        flip = ((u64(SECRET, 8) ^ u64(SECRET, 16)) - seed) & M64
        h = (u32(d, n - 4) + (u32(d, 0) << 32)) ^ flip
        h ^= rotl64(h, 49) ^ rotl64(h, 24)
        h = h * PMX2 & M64
        h ^= (h >> 35) + n
        h = h * PMX2 & M64
        return h ^ (h >> 28)
    flip1 = ((u64(SECRET, 24) ^ u64(SECRET, 32)) + seed) & M64
    flip2 = ((u64(SECRET, 40) ^ u64(SECRET, 48)) - seed) & M64
    low = u64(d, 0) ^ flip1
    high = u64(d, n - 8) ^ flip2
    return avalanche((n + swap64(low) + high + fold(low, high)) & M64)


def medium(d, seed):
    n = len(d)
    acc = n * P64_1 & M64
    if n <= 128:
        for i in range((n - 1) // 32, -1, -1):
            acc += mix16(d, 16 * i, 32 * i, seed)
            acc += mix16(d, n - 16 * (i + 1), 32 * i + 16, seed)
        return avalanche(acc & M64)
    for i in range(8):
        acc += mix16(d, 16 * i, 16 * i, seed)
    acc = avalanche(acc & M64)
    for i in range(8, n // 16):
        acc += mix16(d, 16 * i, 16 * (i - 8) + 3, seed)
    acc += mix16(d, n - 16, 136 - 17, seed)
    return avalanche(acc & M64)


def accumulate(acc, d, at, secret, s):
    for i in range(8):
        v = u64(d, at + 8 * i)
        k = v ^ u64(secret, s + 8 * i)
        acc[i ^ 1] = (acc[i ^ 1] + v) & M64
        acc[i] = (acc[i] + (k & 0xFFFFFFFF) * (k >> 32)) & M64


def scramble(acc, secret, s):
    for i in range(8):
        a = acc[i]
        a ^= a >> 47
        a ^= u64(secret, s + 8 * i)
        acc[i] = a * P32_1 & M64


def seeded_secret(seed):
    if seed == 0:
        return SECRET
    out = bytearray()
    for i in range(12):
        out += ((u64(SECRET, 16 * i) + seed) & M64).to_bytes(8, "little")
        out += ((u64(SECRET, 16 * i + 8) - seed) & M64).to_bytes(8, "little")
    return bytes(out)


def long(d, seed):
    n = len(d)
    secret = seeded_secret(seed)
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    per_block = (192 - 64) // 8
    n_blocks = (n - 1) // (64 * per_block)
    for b in range(n_blocks):
        for i in range(per_block):
            accumulate(acc, d, (b * per_block + i) * 64, secret, 8 * i)
        scramble(acc, secret, 192 - 64)
    at = n_blocks * per_block * 64
    for i in range((n - 1 - at) // 64):
        accumulate(acc, d, at + 64 * i, secret, 8 * i)
    accumulate(acc, d, n - 64, secret, 192 - 64 - 7)
    h = n * P64_1 & M64
    for i in range(4):
        h += fold(acc[2 * i] ^ u64(secret, 11 + 16 * i),
                  acc[2 * i + 1] ^ u64(secret, 11 + 16 * i + 8))
    return avalanche(h & M64)


def xxh3(d, seed=0):
    if len(d) <= 16:
        return short(d, seed)
    if len(d) <= 240:
        return medium(d, seed)
    return long(d, seed)

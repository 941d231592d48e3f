#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What POSIX and Linux promise of files, tried in a directory.

posix.py DIRECTORY [WORD]: runs every test (whose name has WORD). It holds on
ext4 as it does on the mount; run it there when in doubt about a test."""
import ctypes
import errno
import fcntl
import mmap
import os
import select
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

from tap import Skip, equal, raises, run, test

libc = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16
FALLOC_COLLAPSE_RANGE, FALLOC_INSERT_RANGE = 8, 32
ON_EXT4 = "TT_ON_EXT4" in os.environ
SEEK_DATA, SEEK_HOLE = 3, 4
F_OFD_SETLK = 37
IS_ROOT = os.geteuid() == 0
SYS_GETDENTS64 = 217 if os.uname().machine == "x86_64" else 61


def write(path, data=b"x", mode=0o644):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode),
              "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def call(result):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return result


def renameat2(a, b, flags):
    call(libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), flags))


def fallocate(fd, mode, off, length):
    call(libc.fallocate(fd, mode, ctypes.c_int64(off), ctypes.c_int64(length)))


def as_user(uid, gid, fn):
    """Runs fn in a child as another user; raises what it raised."""
    if not IS_ROOT:
        raise Skip("needs root to become another user")
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            fn()
            os.write(w, b"0")
        except OSError as e:
            os.write(w, str(e.errno).encode())
        except BaseException as e:
            os.write(w, repr(e).encode())
        os._exit(0)
    os.close(w)
    said = b""
    while chunk := os.read(r, 4096):
        said += chunk
    os.close(r)
    os.waitpid(pid, 0)
    if said != b"0":
        if said.isdigit():
            raise OSError(int(said), os.strerror(int(said)))
        raise AssertionError(said.decode())


# ---- files ----------------------------------------------------------------

@test("a file gives back what was written")
def _(d):
    data = os.urandom(3_000_001)
    write("f", data)
    equal(read("f"), data)
    equal(os.stat("f").st_size, len(data))


@test("an empty file is empty")
def _(d):
    write("f", b"")
    equal(read("f"), b"")
    equal(os.stat("f").st_blocks, 0)


@test("files of every size around the block sizes survive")
def _(d):
    for base in (0, 4096, 8192, 16384, 65536, 131072, 1 << 20):
        for n in (base - 1, base, base + 1):
            if n < 0:
                continue
            data = os.urandom(n)
            write("f", data)
            equal(read("f"), data)


@test("writes at random offsets equal a model")
def _(d):
    import random
    seed = int(os.environ.get("TT_SEED", time.time_ns() % 1_000_000))
    print(f"# seed {seed}")
    rnd = random.Random(seed)
    model = bytearray()
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    for _ in range(400):
        what = rnd.random()
        off = rnd.randrange(300_000)
        n = rnd.choice((1, 100, 4096, 5000, 70_000))
        if what < 0.55:
            data = rnd.randbytes(n)
            os.pwrite(fd, data, off)
            if len(model) < off:
                model.extend(bytes(off - len(model)))
            model[off:off + n] = data
        elif what < 0.7:
            os.ftruncate(fd, off)
            del model[off:]
            model.extend(bytes(off - len(model)))
        elif what < 0.75:
            fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, off, n)
            end = min(off + n, len(model))
            if end > off:
                model[off:end] = bytes(end - off)
        else:
            equal(os.pread(fd, n, off), bytes(model[off:off + n]))
        if rnd.random() < 0.02:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    equal(read("f"), bytes(model))
    os.close(fd)


@test("O_EXCL refuses a name that is taken")
def _(d):
    os.close(os.open("f", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    raises(errno.EEXIST, os.open, "f", os.O_CREAT | os.O_EXCL)
    os.symlink("nowhere", "l")
    raises(errno.EEXIST, os.open, "l", os.O_CREAT | os.O_EXCL)


@test("O_TRUNC empties a file, and keeps its inode")
def _(d):
    write("f", b"long contents" * 1000)
    before = os.stat("f")
    os.close(os.open("f", os.O_WRONLY | os.O_TRUNC))
    equal(os.stat("f").st_size, 0)
    equal(os.stat("f").st_ino, before.st_ino)


@test("O_APPEND writes at the end, from several handles")
def _(d):
    fds = [os.open("f", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
           for _ in range(3)]
    for i in range(300):
        os.write(fds[i % 3], b"%05d" % i)
    equal(read("f"), b"".join(b"%05d" % i for i in range(300)))
    for fd in fds:
        os.close(fd)


@test("O_SYNC and O_DSYNC writes and fsync succeed")
def _(d):
    for flag in (os.O_SYNC, os.O_DSYNC):
        fd = os.open("f", os.O_WRONLY | os.O_CREAT | flag)
        os.write(fd, b"durable")
        os.close(fd)
    fd = os.open("f", os.O_RDWR)
    os.fsync(fd)
    os.fdatasync(fd)
    os.close(fd)
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


@test("O_DIRECT reads and writes")
def _(d):
    buf = mmap.mmap(-1, 1 << 16)
    buf.write(b"D" * (1 << 16))
    fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    equal(os.pwritev(fd, [buf], 0), 1 << 16)
    back = mmap.mmap(-1, 1 << 16)
    equal(os.preadv(fd, [back], 0), 1 << 16)
    equal(back[:], buf[:])
    os.close(fd)


@test("an unlinked file can be read and written while it is open")
def _(d):
    for size in (100, 100_000):
        write("f", b"a" * size)
        fd = os.open("f", os.O_RDWR)
        os.unlink("f")
        equal(os.listdir("."), [])
        os.pwrite(fd, b"b" * 10, 5)
        os.ftruncate(fd, size // 2)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        equal(os.pread(fd, size, 0),
              (b"a" * 5 + b"b" * 10 + b"a" * size)[:size // 2])
        equal(os.fstat(fd).st_nlink, 0)
        os.fchmod(fd, 0o600)
        equal(os.fstat(fd).st_mode & 0o777, 0o600)
        os.close(fd)


@test("a file created and unlinked before its first write still works")
def _(d):
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    os.unlink("f")
    os.write(fd, b"x" * 20_000)
    equal(os.pread(fd, 30_000, 0), b"x" * 20_000)
    os.close(fd)


@test("a file replaced by rename keeps its old contents for its readers")
def _(d):
    write("a", b"old")
    write("b", b"new")
    fd = os.open("a", os.O_RDONLY)
    os.rename("b", "a")
    equal(os.pread(fd, 9, 0), b"old")
    equal(read("a"), b"new")
    equal(os.fstat(fd).st_nlink, 0)
    os.close(fd)


@test("truncating longer fills with zeros")
def _(d):
    write("f", b"abc")
    os.truncate("f", 10_000)
    equal(read("f"), b"abc" + bytes(9_997))
    os.truncate("f", 2)
    os.truncate("f", 5)
    equal(read("f"), b"ab\0\0\0")


@test("sparse files take no space, to the largest sizes")
def _(d):
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 1 << 40)
    equal(os.fstat(fd).st_size, 1 << 40)
    equal(os.fstat(fd).st_blocks < 100, True)
    os.pwrite(fd, b"end", (1 << 40) - 3)
    equal(os.pread(fd, 8, (1 << 40) - 8), b"\0" * 5 + b"end")
    equal(os.fstat(fd).st_blocks < 1000, True)
    os.close(fd)


@test("SEEK_DATA and SEEK_HOLE find data and holes")
def _(d):
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 4 << 20)
    os.pwrite(fd, b"d" * 1000, 1 << 20)
    data = os.lseek(fd, 0, SEEK_DATA)
    hole = os.lseek(fd, data, SEEK_HOLE)
    equal(data <= 1 << 20 and hole >= (1 << 20) + 1000, True)
    equal(os.lseek(fd, 0, SEEK_HOLE), 0)
    raises(errno.ENXIO, os.lseek, fd, 4 << 20, SEEK_DATA)
    raises(errno.ENXIO, os.lseek, fd, 2 << 20, SEEK_DATA)
    equal(os.lseek(fd, 3 << 20, SEEK_HOLE), 3 << 20)
    os.close(fd)


@test("fallocate grows, keeps sizes and punches holes")
def _(d):
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    fallocate(fd, 0, 0, 100_000)
    equal(os.fstat(fd).st_size, 100_000)
    fallocate(fd, FALLOC_KEEP_SIZE, 0, 200_000)
    equal(os.fstat(fd).st_size, 100_000)
    os.pwrite(fd, b"x" * 100_000, 0)
    fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 10_000, 50_000)
    equal(os.pread(fd, 100_000, 0),
          b"x" * 10_000 + bytes(50_000) + b"x" * 40_000)
    os.close(fd)


@test("fallocate zeroes ranges, and refuses what it cannot do")
def _(d):
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"x" * 50_000)
    fallocate(fd, FALLOC_ZERO_RANGE, 10_000, 20_000)
    equal(os.pread(fd, 50_000, 0),
          b"x" * 10_000 + bytes(20_000) + b"x" * 20_000)
    fallocate(fd, FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE, 40_000, 20_000)
    equal(os.fstat(fd).st_size, 50_000)
    fallocate(fd, FALLOC_ZERO_RANGE, 40_000, 20_000)
    equal(os.fstat(fd).st_size, 60_000)
    equal(os.pread(fd, 30_000, 30_000), b"x" * 10_000 + bytes(20_000))
    raises(errno.EOPNOTSUPP, fallocate, fd, FALLOC_PUNCH_HOLE, 0, 4096)
    raises(errno.EINVAL, fallocate, fd, 0, 0, 0)
    raises(errno.EFBIG, fallocate, fd, 0, (1 << 63) - 10, 100)
    if not ON_EXT4:  # the kernel passes them on to no FUSE file system
        for mode in FALLOC_COLLAPSE_RANGE, FALLOC_INSERT_RANGE:
            raises(errno.EOPNOTSUPP, fallocate, fd, mode, 0, 16_384)
    os.close(fd)


@test("files end at 8 EiB")
def _(d):
    if ON_EXT4:
        raise Skip("ext4 ends at 16 TiB")
    end = (1 << 63) - 1
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    equal(os.pwrite(fd, b"end", end - 3), 3)
    equal(os.fstat(fd).st_size, end)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    equal(os.pread(fd, 5, end - 5), b"\0\0end")
    equal(os.lseek(fd, 0, SEEK_DATA) > end - 100_000, True)
    equal(os.lseek(fd, end - 3, SEEK_HOLE), end)
    fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 0, end)
    equal(os.fstat(fd).st_blocks, 0)
    os.ftruncate(fd, 0)
    os.close(fd)


@test("an unnamed file lives by its handle, and gets a name by linkat")
def _(d):
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
    os.write(fd, b"unnamed" * 5000)
    equal(os.fstat(fd).st_nlink, 0)
    equal(os.listdir("."), [])
    call(libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"f", 0x400))
    equal(os.fstat(fd).st_nlink, 1)
    equal(read("f"), b"unnamed" * 5000)
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o640)
    equal(os.stat("f").st_ino, os.fstat(fd).st_ino)
    os.close(fd)
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o640)
    raises(errno.ENOENT, lambda: call(libc.linkat(
        -100, b"/proc/self/fd/%d" % fd, -100, b"g", 0x400)))
    os.close(fd)
    equal(os.listdir("."), ["f"])


@test("copy_file_range copies")
def _(d):
    data = os.urandom(300_000)
    write("a", data)
    a = os.open("a", os.O_RDONLY)
    b = os.open("b", os.O_RDWR | os.O_CREAT)
    done = 0
    while done < len(data):
        n = os.copy_file_range(a, b, len(data) - done, done, done)
        equal(n > 0, True)
        done += n
    equal(read("b"), data)
    os.close(a)
    os.close(b)


@test("copy_file_range over what was written and read leaves none of it")
def _(d):
    data, other = os.urandom(1_000_000), os.urandom(1_200_000)
    write("a", data)
    write("b", other)
    equal(read("b"), other)
    a = os.open("a", os.O_RDONLY)
    b = os.open("b", os.O_RDWR)
    with mmap.mmap(b, 0) as m:
        equal(m[:], other)
        for off, n in ((131_072, 393_216), (0, 65_536), (700_000, 100_000)):
            done = 0
            while done < n:
                done += os.copy_file_range(a, b, n - done, off + done,
                                           off + done)
            other = other[:off] + data[off:off + n] + other[off + n:]
            equal(read("b"), other)
            equal(m[:], other)
        m[200_000:200_100] = bytes(100)
    other = other[:200_000] + bytes(100) + other[200_100:]
    equal(read("b"), other)
    equal(read("a"), data)
    os.close(a)
    os.close(b)


@test("shared mappings and read() see each other")
def _(d):
    write("f", bytes(20_000))
    fd = os.open("f", os.O_RDWR)
    m = mmap.mmap(fd, 20_000)
    m[5:10] = b"hello"
    equal(os.pread(fd, 5, 5), b"hello")
    os.pwrite(fd, b"world", 10_000)
    equal(m[10_000:10_005], b"world")
    m.flush()
    m.close()
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    equal(os.pread(fd, 5, 5), b"hello")
    os.close(fd)


@test("a private mapping changes nothing")
def _(d):
    write("f", b"a" * 5000)
    fd = os.open("f", os.O_RDWR)
    m = mmap.mmap(fd, 5000, mmap.MAP_PRIVATE)
    m[0:4] = b"zzzz"
    equal(os.pread(fd, 4, 0), b"aaaa")
    m.close()
    os.close(fd)


@test("an unlinked file's mapping stays whole")
def _(d):
    write("f", b"m" * 200_000)
    fd = os.open("f", os.O_RDWR)
    m = mmap.mmap(fd, 200_000)
    os.close(fd)
    os.unlink("f")
    m[100_000:100_003] = b"abc"
    equal(m[99_999:100_004], b"mabcm")
    m.close()


@test("sendfile and splice carry a file")
def _(d):
    data = os.urandom(500_000)
    write("f", data)
    fd = os.open("f", os.O_RDONLY)
    out = os.open("g", os.O_WRONLY | os.O_CREAT)
    sent = 0
    while sent < len(data):
        sent += os.sendfile(out, fd, sent, len(data) - sent)
    equal(read("g"), data)
    os.close(fd)
    os.close(out)


@test("copy_file_range copies inside a file, but not over itself")
def _(d):
    data = os.urandom(100_000)
    write("f", data)
    fd = os.open("f", os.O_RDWR)
    equal(os.copy_file_range(fd, fd, 10_000, 5_000, 100_000), 10_000)
    equal(read("f"), data + data[5_000:15_000])
    raises(errno.EINVAL, os.copy_file_range, fd, fd, 10_000, 0, 5_000)
    equal(os.copy_file_range(fd, fd, 10, 200_000, 0), 0)
    os.close(fd)


# ---- names ----------------------------------------------------------------

@test("names of 255 bytes work, longer ones are ENAMETOOLONG")
def _(d):
    write("n" * 255)
    equal(os.listdir("."), ["n" * 255])
    raises(errno.ENAMETOOLONG, write, "n" * 256)
    raises(errno.ENAMETOOLONG, os.mkdir, "n" * 300)
    raises(errno.ENAMETOOLONG, os.stat, "n" * 300)
    raises(errno.ENAMETOOLONG, os.rename, "n" * 255, "n" * 256)


@test("names are bytes")
def _(d):
    names = [bytes([c]) for c in range(1, 256) if c not in b"/."]
    for n in names:
        write(n)
    equal(sorted(os.listdir(b".")), sorted(names))
    for n in names:
        os.unlink(n)
    equal(os.listdir("."), [])


@test("paths may be deep")
def _(d):
    top = os.open(".", os.O_RDONLY)
    for i in range(300):
        os.mkdir("directory-%d" % i)
        os.chdir("directory-%d" % i)
    write("deep")
    equal(read("deep"), b"x")
    os.fchdir(top)
    os.close(top)
    equal(sum(len(f) for _, _, f in os.walk(".")), 1)


@test("what does not exist is ENOENT, and exists once it is made")
def _(d):
    for i in range(3):
        raises(errno.ENOENT, os.stat, "later")
    write("later")
    os.stat("later")
    os.unlink("later")
    raises(errno.ENOENT, os.stat, "later")


@test("a file is no directory and a directory no file")
def _(d):
    write("f")
    os.mkdir("d")
    raises(errno.ENOTDIR, os.stat, "f/x")
    raises(errno.ENOTDIR, os.listdir, "f")
    raises(errno.EISDIR, os.open, "d", os.O_WRONLY)
    raises(errno.EISDIR, os.unlink, "d")
    raises(errno.ENOTDIR, os.rmdir, "f")
    raises(errno.EISDIR, read, "d")


@test("hard links share everything and are counted")
def _(d):
    write("a", b"one")
    for i in range(20):
        os.link("a", f"l{i}")
    equal(os.stat("a").st_nlink, 21)
    equal(os.stat("l3").st_ino, os.stat("a").st_ino)
    write("l7", b"another")
    equal(read("a"), b"another")
    os.chmod("l1", 0o640)
    equal(os.stat("l2").st_mode & 0o777, 0o640)
    os.unlink("a")
    for i in range(19):
        os.unlink(f"l{i}")
    equal(os.stat("l19").st_nlink, 1)
    equal(read("l19"), b"another")


@test("hard links to directories, across nothing and over names are refused")
def _(d):
    os.mkdir("d")
    write("a")
    write("b")
    raises(errno.EPERM, os.link, "d", "e")
    raises(errno.EEXIST, os.link, "a", "b")
    raises(errno.ENOENT, os.link, "none", "e")


@test("symbolic links hold any target up to 4,095 bytes")
def _(d):
    for n in (1, 59, 60, 255, 1000, 4095):
        os.symlink("t" * n, "l")
        equal(os.readlink("l"), "t" * n)
        equal(os.lstat("l").st_size, n)
        os.unlink("l")
    raises(errno.ENAMETOOLONG, os.symlink, "t" * 4096, "l")
    os.symlink("f", "l")
    write("l", b"through")
    equal(read("f"), b"through")
    os.symlink("loop", "loop")
    raises(errno.ELOOP, os.stat, "loop")


@test("FIFOs carry data, sockets connect, device nodes keep their numbers")
def _(d):
    os.mkfifo("p")
    r = os.open("p", os.O_RDONLY | os.O_NONBLOCK)
    w = os.open("p", os.O_WRONLY)
    os.write(w, b"through")
    equal(os.read(r, 10), b"through")
    os.close(r)
    os.close(w)
    s = socket.socket(socket.AF_UNIX)
    s.bind("s")
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect("s")
    c.close()
    s.close()
    equal(stat.S_ISSOCK(os.stat("s").st_mode), True)
    if IS_ROOT:
        os.mknod("c", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod("b", stat.S_IFBLK | 0o600, os.makedev(7, 300))
        equal(os.stat("c").st_rdev, os.makedev(1, 3))
        equal(os.stat("b").st_rdev, os.makedev(7, 300))
    os.mknod("r", stat.S_IFREG | 0o600)
    equal(stat.S_ISREG(os.stat("r").st_mode), True)


@test("directories count their subdirectories")
def _(d):
    os.mkdir("d")
    equal(os.stat("d").st_nlink, 2)
    os.mkdir("d/a")
    os.mkdir("d/b")
    equal(os.stat("d").st_nlink, 4)
    os.rename("d/a", "a")
    equal(os.stat("d").st_nlink, 3)
    raises(errno.ENOTEMPTY, os.rmdir, "d")
    os.rmdir("d/b")
    os.rmdir("d")
    raises(errno.ENOENT, os.stat, "d")


@test("a directory that is removed while in use behaves")
def _(d):
    os.mkdir("d")
    fd = os.open("d", os.O_RDONLY)
    os.rmdir("d")
    equal(os.fstat(fd).st_nlink, 0)
    equal(os.listdir(fd), [])
    raises(errno.ENOENT, os.open, "f", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    raises(errno.ENOENT, os.mkdir, "e", dir_fd=fd)
    os.close(fd)


@test("listings have every name once, `.` and `..` included")
def _(d):
    for i in range(1000):
        write(f"file-{i}", b"")
    names = os.listdir(".")
    equal(len(names), 1000)
    equal(set(names), {f"file-{i}" for i in range(1000)})
    out = subprocess.run(["ls", "-fa"], capture_output=True, check=True)
    equal(out.stdout.split(b"\n")[:-1].count(b"."), 1)
    equal(out.stdout.split(b"\n")[:-1].count(b".."), 1)
    for e in os.scandir("."):
        equal(e.inode(), os.lstat(e.name).st_ino)


@test("a listing under way misses and doubles no entry that stays")
def _(d):
    for i in range(3000):
        write(f"stays-{i:05}", b"")
    seen = []
    with os.scandir(".") as it:
        for n, e in enumerate(it):
            seen.append(e.name)
            if n % 10 == 0:
                write(f"new-{n}", b"")
                os.unlink(f"new-{n}")
    stays = [n for n in seen if n.startswith("stays-")]
    equal(len(stays), 3000)
    equal(len(set(stays)), 3000)


def getdents(fd, size):
    """Names of the next entries, as many as `size` bytes hold."""
    buf = ctypes.create_string_buffer(size)
    n = call(libc.syscall(SYS_GETDENTS64, fd, buf, size))
    names, at = [], 0
    while at < n:
        length = int.from_bytes(buf.raw[at + 16:at + 18], "little")
        names.append(buf.raw[at + 19:at + length].split(b"\0")[0].decode())
        at += length
    return names


@test("a listing neither doubles nor misses names while others change and list")
def _(d):
    names = [f"m{i:03}" for i in range(40)]
    for name in names:
        write(f"{d}/{name}")
    for change in "add first", "remove first", "remove last seen":
        os.listdir(d), os.listdir(d)  # known to the kernel
        fd = os.open(d, os.O_RDONLY)
        seen = getdents(fd, 300)
        if change == "add first":
            write(d + "/a")
        else:
            gone = "a" if change == "remove first" else seen[-1]
            os.unlink(f"{d}/{gone}")
        os.listdir(d)  # the kernel has cached another listing now
        while more := getdents(fd, 300):
            seen += more
        os.close(fd)
        equal(sorted(n for n in seen if n in names), names)


@test("rm -rf while listing removes all")
def _(d):
    for i in range(2000):
        write(f"f{i}", b"")
    for e in os.scandir("."):
        os.unlink(e.name)
    equal(os.listdir("."), [])


# ---- rename ---------------------------------------------------------------

@test("rename replaces files, and empty directories by directories")
def _(d):
    write("a", b"A")
    write("b", b"B")
    ino = os.stat("a").st_ino
    os.rename("a", "b")
    equal(read("b"), b"A")
    equal(os.stat("b").st_ino, ino)
    raises(errno.ENOENT, os.stat, "a")
    os.mkdir("d")
    os.mkdir("e")
    write("d/in")
    os.rename("d", "e")
    equal(os.listdir("e"), ["in"])


@test("rename refuses what it must")
def _(d):
    write("f")
    os.mkdir("d")
    os.mkdir("full")
    write("full/x")
    raises(errno.ENOTDIR, os.rename, "d", "f")
    raises(errno.EISDIR, os.rename, "f", "d")
    raises((errno.ENOTEMPTY, errno.EEXIST), os.rename, "d", "full")
    raises(errno.EINVAL, os.rename, "d", "d/inside")
    raises(errno.ENOENT, os.rename, "none", "x")
    os.mkdir("d/e")
    raises(errno.EINVAL, os.rename, "d", "d/e/f")
    raises((errno.ENOTEMPTY, errno.EEXIST), os.rename, "d/e", "d")


@test("rename onto itself and onto another link does nothing")
def _(d):
    write("a", b"A")
    os.link("a", "b")
    os.rename("a", "a")
    os.rename("a", "b")
    equal(sorted(os.listdir(".")), ["a", "b"])
    equal(os.stat("a").st_nlink, 2)


@test("rename moves directories with all they hold")
def _(d):
    os.makedirs("a/b/c")
    write("a/b/c/f", b"deep")
    os.mkdir("x")
    os.rename("a/b", "x/y")
    equal(read("x/y/c/f"), b"deep")
    os.chdir("x/y/c")
    os.rename("../../../x", "../../../z")
    equal(read("f"), b"deep")
    equal(os.stat("..").st_ino, os.stat("../../../z/y").st_ino)


@test("RENAME_NOREPLACE replaces nothing")
def _(d):
    write("a", b"A")
    write("b", b"B")
    raises(errno.EEXIST, renameat2, "a", "b", RENAME_NOREPLACE)
    renameat2("a", "c", RENAME_NOREPLACE)
    equal(read("c"), b"A")


@test("RENAME_EXCHANGE exchanges, also files with directories")
def _(d):
    write("a", b"A")
    os.makedirs("p/d/e")
    renameat2("a", "p/d", RENAME_EXCHANGE)
    equal(read("p/d"), b"A")
    equal(os.listdir("a"), ["e"])
    equal(os.stat("p").st_nlink, 2)
    raises(errno.ENOENT, renameat2, "a", "none", RENAME_EXCHANGE)
    raises(errno.EINVAL, renameat2, "a", "b",
           RENAME_EXCHANGE | RENAME_NOREPLACE)


@test("RENAME_WHITEOUT leaves a whiteout, as overlayfs wants it")
def _(d):
    if not IS_ROOT:
        raise Skip("needs root")
    write("a", b"A")
    write("b", b"B")
    renameat2("a", "c", RENAME_WHITEOUT)
    renameat2("b", "c", RENAME_WHITEOUT)
    equal(read("c"), b"B")
    for name in "a", "b":
        equal(stat.S_ISCHR(os.stat(name).st_mode), True)
        equal(os.stat(name).st_rdev, 0)
    raises(errno.EINVAL, renameat2, "a", "c",
           RENAME_WHITEOUT | RENAME_EXCHANGE)
    raises(errno.EEXIST, renameat2, "a", "c",
           RENAME_WHITEOUT | RENAME_NOREPLACE)


@test("concurrent renames leave one winner")
def _(d):
    for i in range(8):
        write(f"s{i}", b"%d" % i)
    threads = [threading.Thread(target=os.rename, args=(f"s{i}", "target"))
               for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(os.listdir("."), ["target"])
    equal(os.stat("target").st_nlink, 1)


# ---- attributes -----------------------------------------------------------

def born(path):
    """Nanoseconds since 1970 when `path` was made, as statx(2) has it."""
    buf = ctypes.create_string_buffer(256)
    call(libc.statx(-100, os.fsencode(path), 0x100, 0x800, buf))
    if not struct.unpack_from("<I", buf)[0] & 0x800:
        raise Skip("the kernel does not ask for times of birth")
    return struct.unpack_from("<qI", buf, 80)


@test("a time of birth is kept whatever becomes of the file")
def _(d):
    before = time.time_ns()
    write("f")
    os.mkdir("d")
    os.mknod("n", stat.S_IFIFO | 0o600)
    for name in "f", "d", "n":
        sec, nsec = born(name)
        at = sec * 10**9 + nsec
        # the kernel's clock ticks
        equal(before - 20_000_000 <= at <= time.time_ns(), True)
        os.utime(name, (1, 2))
        os.chmod(name, 0o700)
        os.rename(name, name + "2")
        equal(born(name + "2"), (sec, nsec))
        equal(os.stat(name + "2").st_mtime, 2)
    write("f2", b"y" * 100_000)
    os.link("f2", "g")
    equal(born("g"), born("f2"))
    equal(os.stat("g").st_size, 100_000)
    if IS_ROOT:
        os.mknod("dev", stat.S_IFCHR | 0o600, os.makedev(3000, 70000))
        born("dev")
        equal(os.stat("dev").st_rdev, os.makedev(3000, 70000))


@test("times are kept to the nanosecond; UTIME_OMIT omits, UTIME_NOW is now")
def _(d):
    write("f")
    os.utime("f", ns=(1_234_567_890_123_456_789, 987_654_321_987_654_321))
    st = os.stat("f")
    equal((st.st_atime_ns, st.st_mtime_ns),
          (1_234_567_890_123_456_789, 987_654_321_987_654_321))

    class timespec(ctypes.Structure):
        _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]
    now, omit = (1 << 30) - 1, (1 << 30) - 2
    call(libc.utimensat(-100, b"f", (timespec * 2)(
        timespec(0, omit), timespec(5, 6)), 0))
    st = os.stat("f")
    equal((st.st_atime_ns, st.st_mtime_ns),
          (1_234_567_890_123_456_789, 5_000_000_006))
    before = time.time_ns() - 1_000_000_000
    call(libc.utimensat(-100, b"f", (timespec * 2)(
        timespec(0, now), timespec(0, omit)), 0))
    st = os.stat("f")
    equal(st.st_atime_ns > before, True)
    equal(st.st_mtime_ns, 5_000_000_006)
    raises(errno.EINVAL, lambda: call(libc.utimensat(
        -100, b"f", (timespec * 2)(timespec(0, 10**9), timespec(0, 0)), 0)))


@test("times before 1970 and after 2106 are kept")
def _(d):
    write("f")
    for t in (-1, -2_000_000_000, 5_000_000_000, 9_000_000_000):
        os.utime("f", (t, t))
        equal(os.stat("f").st_mtime, t)


def changes(path, fn, what="st_mtime_ns"):
    """fn moves the time of path."""
    os.utime(path, (1, 1))
    before = getattr(os.stat(path), what)
    time.sleep(0.02)
    fn()
    equal(getattr(os.stat(path), what) != before, True)


@test("writing moves mtime and ctime; chmod, link and rename move ctime")
def _(d):
    write("f")
    changes("f", lambda: write("f", b"more"))
    changes("f", lambda: os.truncate("f", 1))
    changes("f", lambda: os.chmod("f", 0o600), "st_ctime_ns")
    changes("f", lambda: os.link("f", "g"), "st_ctime_ns")
    changes("f", lambda: os.unlink("g"), "st_ctime_ns")


@test("making, removing and renaming names moves the directory's times")
def _(d):
    os.mkdir("d")
    os.mkdir("e")
    changes("d", lambda: write("d/f"))
    changes("d", lambda: os.unlink("d/f"))
    changes("d", lambda: os.mkdir("d/s"))
    changes("d", lambda: os.rename("d/s", "e/s"))
    changes("e", lambda: os.rmdir("e/s"))
    changes("d", lambda: os.symlink("x", "d/l"))


@test("a failed operation moves no time")
def _(d):
    os.mkdir("d")
    write("d/f")
    os.utime("d", (1, 1))
    raises(errno.EEXIST, os.mkdir, "d/f")
    raises(errno.ENOENT, os.unlink, "d/none")
    equal(os.stat("d").st_mtime, 1)


@test("modes are kept, and the umask is applied")
def _(d):
    old = os.umask(0o027)
    try:
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, 0o666))
        os.mkdir("d", 0o777)
        os.mkfifo("p", 0o666)
        equal([stat.S_IMODE(os.stat(n).st_mode) for n in ("f", "d", "p")],
              [0o640, 0o750, 0o640])
    finally:
        os.umask(old)
    for mode in (0, 0o7777, 0o4755, 0o2755, 0o1777, 0o400):
        os.chmod("f", mode)
        equal(stat.S_IMODE(os.stat("f").st_mode), mode)


@test("a file made without write permission can be written by its maker")
def _(d):
    fd = os.open("f", os.O_CREAT | os.O_WRONLY, 0o400)
    os.write(fd, b"first")
    os.close(fd)
    equal(read("f"), b"first")


@test("owners are kept, and -1 leaves one alone")
def _(d):
    if not IS_ROOT:
        raise Skip("needs root")
    write("f")
    os.chown("f", 12345, 54321)
    equal((os.stat("f").st_uid, os.stat("f").st_gid), (12345, 54321))
    os.chown("f", -1, 7)
    equal((os.stat("f").st_uid, os.stat("f").st_gid), (12345, 7))
    os.symlink("x", "l")
    os.lchown("l", 3, 4)
    equal((os.lstat("l").st_uid, os.lstat("l").st_gid), (3, 4))


@test("new files belong to who makes them, and to a setgid directory's group")
def _(d):
    os.chmod(".", 0o777)
    as_user(1234, 1235, lambda: write("mine"))
    equal((os.stat("mine").st_uid, os.stat("mine").st_gid), (1234, 1235))
    os.mkdir("sg")
    os.chown("sg", 0, 777)
    os.chmod("sg", 0o2777)

    def make():
        write("sg/f")
        os.mkdir("sg/d")
        os.symlink("x", "sg/l")
    as_user(1234, 1235, make)
    equal((os.stat("sg/f").st_uid, os.stat("sg/f").st_gid), (1234, 777))
    equal(os.stat("sg/d").st_gid, 777)
    equal(bool(os.stat("sg/d").st_mode & stat.S_ISGID), True)
    equal(os.lstat("sg/l").st_gid, 777)


@test("permissions are enforced for others")
def _(d):
    write("secret", mode=0o600)
    os.mkdir("closed", 0o700)
    write("closed/f")
    os.chmod(".", 0o755)
    raises(errno.EACCES, as_user, 1234, 1234, lambda: read("secret"))
    raises(errno.EACCES, as_user, 1234, 1234, lambda: os.stat("closed/f"))
    raises(errno.EACCES, as_user, 1234, 1234, lambda: write("new"))
    raises(errno.EPERM, as_user, 1234, 1234, lambda: os.chmod("secret", 0o777))
    raises(errno.EPERM, as_user, 1234, 1234,
           lambda: os.chown("secret", 1234, -1))
    raises(errno.EACCES, as_user, 1234, 1234, lambda: os.unlink("secret"))


@test("a sticky directory keeps others' files")
def _(d):
    os.mkdir("t")
    os.chmod("t", 0o1777)
    as_user(1001, 1001, lambda: write("t/f"))
    raises((errno.EPERM, errno.EACCES), as_user, 1002, 1002,
           lambda: os.unlink("t/f"))
    raises((errno.EPERM, errno.EACCES), as_user, 1002, 1002,
           lambda: os.rename("t/f", "t/g"))
    as_user(1001, 1001, lambda: os.unlink("t/f"))


@test("writing by others clears setuid and setgid, truncating too")
def _(d):
    def mode():
        return stat.S_IMODE(os.stat("f").st_mode)

    def append():
        fd = os.open("f", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"more")
        os.close(fd)

    def within(fn):
        fd = os.open("f", os.O_RDWR)
        fn(fd)
        os.close(fd)
    if not IS_ROOT:
        raise Skip("needs root")
    os.chmod(".", 0o777)
    write("source", b"s" * 100)
    source = os.open("source", os.O_RDONLY)
    for act in (append, lambda: os.truncate("f", 1),
                lambda: os.close(os.open("f", os.O_WRONLY | os.O_TRUNC)),
                lambda: within(lambda fd: fallocate(fd, 0, 0, 10_000)),
                lambda: within(lambda fd: fallocate(
                    fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 0, 10)),
                lambda: within(lambda fd: os.copy_file_range(
                    source, fd, 100, 0, 0))):
        write("f")
        os.chown("f", 0, 0)
        os.chmod("f", 0o6777)
        as_user(1234, 1234, act)
        equal(mode(), 0o777)
        os.unlink("f")
    write("f")
    os.chmod("f", 0o6777)
    append()
    equal(mode(), 0o6777)  # root may


@test("writing, truncating and chown take a program's capabilities")
def _(d):
    if not IS_ROOT:
        raise Skip("needs root")
    name = "security.capability"
    net_raw = struct.pack("<5I", 0x0200_0001, 1 << 13, 0, 0, 0)

    def append():
        fd = os.open("f", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"more")
        os.close(fd)
    for act in (append, lambda: os.truncate("f", 1),
                lambda: os.chown("f", 0, 5)):
        write("f")
        append()  # the kernel has looked by now, and found none
        os.setxattr("f", name, net_raw)
        equal(os.getxattr("f", name), net_raw)
        act()
        raises(errno.ENODATA, os.getxattr, "f", name)


@test("chown clears setuid and setgid of a program")
def _(d):
    if not IS_ROOT:
        raise Skip("needs root")
    write("f")
    os.chmod("f", 0o6755)
    os.chown("f", 5, 5)
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o755)


@test("inode numbers stay, and differ")
def _(d):
    write("a")
    write("b")
    ino = os.stat("a").st_ino
    os.rename("a", "c")
    equal(os.stat("c").st_ino, ino)
    equal(os.stat("b").st_ino != ino, True)


@test("statfs tells sizes that make sense")
def _(d):
    s = os.statvfs(".")
    equal(s.f_namemax, 255)
    equal(s.f_blocks > 0 and 0 < s.f_bfree <= s.f_blocks, True)
    equal(s.f_bavail <= s.f_bfree, True)


# ---- extended attributes --------------------------------------------------

@test("extended attributes are set, replaced, listed and removed")
def _(d):
    write("f")
    os.mkdir("d")
    for path in ("f", "d"):
        os.setxattr(path, "user.one", b"1")
        os.setxattr(path, "user.two", b"")
        os.setxattr(path, "user.large", b"L" * 60_000
                    if not ON_EXT4 else b"L" * 2000)
        equal(sorted(os.listxattr(path)),
              ["user.large", "user.one", "user.two"])
        os.setxattr(path, "user.one", b"replaced" * 20)
        equal(os.getxattr(path, "user.one"), b"replaced" * 20)
        equal(os.getxattr(path, "user.two"), b"")
        os.removexattr(path, "user.one")
        raises(errno.ENODATA, os.getxattr, path, "user.one")
        raises(errno.ENODATA, os.removexattr, path, "user.one")
        os.removexattr(path, "user.large")
        equal(os.listxattr(path), ["user.two"])


@test("XATTR_CREATE and XATTR_REPLACE insist")
def _(d):
    write("f")
    raises(errno.ENODATA, os.setxattr, "f", "user.a", b"1", os.XATTR_REPLACE)
    os.setxattr("f", "user.a", b"1", os.XATTR_CREATE)
    raises(errno.EEXIST, os.setxattr, "f", "user.a", b"2", os.XATTR_CREATE)
    equal(os.getxattr("f", "user.a"), b"1")


@test("attributes have a name space that is known, and limits")
def _(d):
    write("f")
    for name in "nope.a", "system.nope", "a":
        raises(errno.EOPNOTSUPP, os.setxattr, "f", name, b"v")
        raises(errno.EOPNOTSUPP, os.getxattr, "f", name)
    longest = "user." + "n" * 250
    os.setxattr("f", longest, b"v")
    equal(os.listxattr("f"), [longest])
    raises(errno.ERANGE, os.setxattr, "f", longest + "n", b"v")
    raises(errno.E2BIG, os.setxattr, "f", "user.a", bytes(65_537))
    os.symlink("x", "l")
    raises(errno.EPERM, os.setxattr, "l", "user.a", b"v",
           follow_symlinks=False)


@test("attributes of trusted and security are root's")
def _(d):
    if not IS_ROOT:
        raise Skip("needs root")
    write("f")
    os.setxattr("f", "trusted.t", b"T")
    equal(os.getxattr("f", "trusted.t"), b"T")
    os.chmod("f", 0o666)
    raises((errno.EPERM, errno.ENODATA), as_user, 1234, 1234,
           lambda: os.getxattr("f", "trusted.t"))


@test("attributes follow a file through links and renames")
def _(d):
    write("f")
    os.setxattr("f", "user.a", b"kept")
    os.link("f", "g")
    equal(os.getxattr("g", "user.a"), b"kept")
    os.unlink("f")
    os.rename("g", "h")
    equal(os.getxattr("h", "user.a"), b"kept")


ACL_ACCESS, ACL_DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
ACL_TAGS = {"u": 1, "U": 2, "g": 4, "G": 8, "m": 16, "o": 32}


def acl(*entries):
    """The bytes of an ACL: ("u", 7), ("U", 5, uid), … as the kernel has it."""
    b = (2).to_bytes(4, "little")
    for tag, perm, *who in entries:
        b += ACL_TAGS[tag].to_bytes(2, "little") + perm.to_bytes(2, "little")
        b += (who[0] if who else 0xffffffff).to_bytes(4, "little")
    return b


def need_acl(path):
    try:
        os.getxattr(path, ACL_ACCESS)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip("no ACLs here") from e


@test("an access ACL lets in whom it names, and the mode shows its mask")
def _(d):
    write("f", b"for you", mode=0o600)
    need_acl("f")
    os.chmod(".", 0o755)
    os.setxattr("f", ACL_ACCESS,
                acl(("u", 6), ("U", 4, 1234), ("g", 0), ("m", 4), ("o", 0)))
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o640)
    equal(ACL_ACCESS in os.listxattr("f"), True)
    if IS_ROOT:
        as_user(1234, 1234, lambda: read("f"))
        raises(errno.EACCES, as_user, 1235, 1234, lambda: read("f"))
        raises(errno.EACCES, as_user, 1234, 1234, lambda: write("f"))
    os.chmod("f", 0o600)
    equal(os.getxattr("f", ACL_ACCESS),
          acl(("u", 6), ("U", 4, 1234), ("g", 0), ("m", 0), ("o", 0)))
    if IS_ROOT:
        raises(errno.EACCES, as_user, 1234, 1234, lambda: read("f"))
    os.removexattr("f", ACL_ACCESS)
    raises(errno.ENODATA, os.getxattr, "f", ACL_ACCESS)
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o600)


@test("an ACL that is a mode is kept as the mode")
def _(d):
    write("f")
    need_acl("f")
    os.setxattr("f", ACL_ACCESS, acl(("u", 7), ("g", 5), ("o", 1)))
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o751)
    equal(os.listxattr("f"), [])
    raises(errno.EINVAL, os.setxattr, "f", ACL_ACCESS, acl(("u", 7)))
    raises(errno.EACCES, os.setxattr, "f", ACL_DEFAULT,
           acl(("u", 7), ("g", 5), ("o", 1)))


@test("a default ACL is inherited, and stands above the umask")
def _(d):
    need_acl(".")
    default = acl(("u", 7), ("U", 6, 1234), ("g", 5), ("m", 7), ("o", 0))
    os.mkdir("d")
    os.setxattr("d", ACL_DEFAULT, default)
    old = os.umask(0o077)
    try:
        os.close(os.open("d/f", os.O_CREAT | os.O_WRONLY, 0o666))
        os.mkdir("d/s", 0o777)
        os.mkfifo("d/p", 0o600)
        os.symlink("x", "d/l")
    finally:
        os.umask(old)
    equal(stat.S_IMODE(os.stat("d/f").st_mode), 0o660)
    equal(os.getxattr("d/f", ACL_ACCESS),
          acl(("u", 6), ("U", 6, 1234), ("g", 5), ("m", 6), ("o", 0)))
    equal(os.getxattr("d/s", ACL_DEFAULT), default)
    equal(os.getxattr("d/s", ACL_ACCESS), default)
    equal(stat.S_IMODE(os.stat("d/p").st_mode), 0o600)
    os.removexattr("d", ACL_DEFAULT)
    write("d/g")
    equal(os.listxattr("d/g"), [])


@test("an ACL set by one outside the group clears setgid")
def _(d):
    if not IS_ROOT:
        raise Skip("needs root")
    os.chmod(".", 0o777)
    write("f")
    need_acl("f")
    os.chown("f", 1234, 77)
    entries = (("u", 7), ("U", 5, 9), ("g", 5), ("m", 5), ("o", 0))

    def change():
        os.setxattr("f", ACL_ACCESS, acl(*entries))
    os.chmod("f", 0o2750)
    change()
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o2750)  # root may
    as_user(1234, 1234, change)
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o750)
    os.chmod("f", 0o2750)
    as_user(1234, 77, change)
    equal(stat.S_IMODE(os.stat("f").st_mode), 0o2750)


@test("ioctls that are not carried are ENOTTY")
def _(d):
    write("f")
    fd = os.open("f", os.O_RDONLY)
    raises(errno.ENOTTY, fcntl.ioctl, fd, 0x5401, b"\0" * 64)
    os.close(fd)


# ---- locks ----------------------------------------------------------------

@test("flock excludes, shares and lets go at close")
def _(d):
    a = os.open("f", os.O_RDWR | os.O_CREAT)
    b = os.open("f", os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    raises(errno.EWOULDBLOCK, fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(a)
    fcntl.flock(b, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(b)


@test("fcntl locks exclude other processes by ranges")
def _(d):
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    fcntl.lockf(fd, fcntl.LOCK_EX, 10, 0)

    def child():
        mine = os.open("f", os.O_RDWR)
        raises((errno.EAGAIN, errno.EACCES), fcntl.lockf, mine,
               fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5)
        fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 10)
    as_user(0, 0, child)
    os.close(fd)


@test("locks of open files exclude each other in one process")
def _(d):
    a = os.open("f", os.O_RDWR | os.O_CREAT)
    b = os.open("f", os.O_RDWR)

    def lock(fd, kind, start, length):
        fcntl.fcntl(fd, F_OFD_SETLK, struct.pack(
            "hhqqi4x", kind, os.SEEK_SET, start, length, 0))
    lock(a, fcntl.F_WRLCK, 0, 10)
    lock(b, fcntl.F_WRLCK, 10, 10)
    raises(errno.EAGAIN, lock, b, fcntl.F_RDLCK, 5, 1)
    os.close(a)
    lock(b, fcntl.F_RDLCK, 5, 1)
    os.close(b)


@test("a waiting lock is granted when the holder lets go")
def _(d):
    a = os.open("f", os.O_RDWR | os.O_CREAT)
    b = os.open("f", os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    got = threading.Event()

    def wait():
        fcntl.flock(b, fcntl.LOCK_EX)
        got.set()
    t = threading.Thread(target=wait)
    t.start()
    equal(got.wait(0.1), False)
    fcntl.flock(a, fcntl.LOCK_UN)
    equal(got.wait(5), True)
    t.join()
    os.close(a)
    os.close(b)


# ---- many -----------------------------------------------------------------

@test("many threads at once leave what they wrote")
def _(d):
    failures = []

    def work(n):
        try:
            os.mkdir(f"d{n}")
            for i in range(100):
                write(f"d{n}/f{i}", b"%d %d" % (n, i) * (i * 10))
                if i % 3 == 0:
                    os.rename(f"d{n}/f{i}", f"d{n}/g{i}")
                if i % 5 == 0:
                    os.listdir(f"d{n}")
            for i in range(100):
                name = f"d{n}/{'g' if i % 3 == 0 else 'f'}{i}"
                equal(read(name), b"%d %d" % (n, i) * (i * 10))
        except BaseException as e:
            failures.append(repr(e))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(failures, [])


@test("many threads in one directory create and remove in peace")
def _(d):
    def work(n):
        for i in range(150):
            write(f"{n}-{i}")
            if i % 2:
                os.unlink(f"{n}-{i}")
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(len(os.listdir(".")), 8 * 75)


@test("poll says that a file is ready")
def _(d):
    write("f")
    fd = os.open("f", os.O_RDONLY)
    p = select.poll()
    p.register(fd, select.POLLIN)
    equal(p.poll(1000), [(fd, select.POLLIN)])
    os.close(fd)


@test("a program on the mount runs")
def _(d):
    write("script", b"#!/bin/sh\necho from a script\n")
    os.chmod("script", 0o755)
    equal(subprocess.run(["./script"], capture_output=True).stdout,
          b"from a script\n")


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SQLite on the mount: sqlite.py TEST DATABASE JOURNAL [ACKNOWLEDGED].

JOURNAL is a journal_mode: delete (a rollback journal) or wal (shared memory
in a mapped file)."""
import os
import random
import signal
import sqlite3
import subprocess
import sys

what, path, mode = sys.argv[1:4]
ACCOUNTS, MONEY = 50, 1000


def connect():
    c = sqlite3.connect(path, timeout=60, isolation_level=None,
                        check_same_thread=False)
    got = c.execute(f"pragma journal_mode={mode}").fetchone()[0]
    assert got == mode, got
    c.execute("pragma synchronous=normal")
    return c


def is_whole(c):
    assert c.execute("pragma integrity_check").fetchone()[0] == "ok"


def child(test, **more):
    return subprocess.Popen([sys.executable, __file__, test, path, mode],
                            stdout=subprocess.PIPE, text=True, **more)


def transacts():
    a = connect()
    a.execute("create table t (id integer primary key, v text)")
    for i in range(300):
        a.execute("begin")
        a.execute("insert into t values (?, ?)", (i, "v%d" % i * (i % 50)))
        if i % 3 == 0:
            a.execute("update t set v = v || 'x' where id = ?", (i // 2,))
        a.execute("commit" if i % 10 else "rollback")
    b = connect()
    assert b.execute("select count(*) from t").fetchone()[0] == 270
    is_whole(b)
    a.execute("delete from t where id % 2")
    a.execute("vacuum")
    assert b.execute("select count(*) from t").fetchone()[0] == 120
    is_whole(b)


def make_accounts(c):
    c.execute("create table account (id integer primary key, money integer)")
    c.execute("create table done (n integer)")
    c.execute("begin")
    c.executemany("insert into account values (?, ?)",
                  [(i, MONEY) for i in range(ACCOUNTS)])
    c.execute("commit")


def total(c):
    return c.execute("select sum(money), count(*) from account").fetchone()


def transfer(c, rnd):
    a, b = rnd.sample(range(ACCOUNTS), 2)
    c.execute("begin immediate")
    c.execute("update account set money = money - 7 where id = ?", (a,))
    c.execute("update account set money = money + 7 where id = ?", (b,))
    c.execute("insert into done values (?)", (a,))
    c.execute("commit")


def transfers():
    c, rnd = connect(), random.Random(os.getpid())
    for _ in range(60):
        transfer(c, rnd)


def shares():
    """Two writers and a reader, who never sees money on its way."""
    c = connect()
    make_accounts(c)
    writers = [child("transfers") for _ in range(2)]
    seen = 0
    while any(w.poll() is None for w in writers):
        assert total(c) == (ACCOUNTS * MONEY, ACCOUNTS)
        seen += 1
    assert [w.wait() for w in writers] == [0, 0]
    assert total(c) == (ACCOUNTS * MONEY, ACCOUNTS)
    assert c.execute("select count(*) from done").fetchone()[0] == 120
    assert seen > 0
    is_whole(c)


def hangs():
    """In the middle of a transaction that no longer fits into memory."""
    c = connect()
    c.execute("pragma cache_size=10")
    c.execute("begin immediate")
    c.execute("update account set money = 0")
    c.execute("create table big as with recursive n(i) as (select 1 union all "
              "select i + 1 from n where i < 20000) select i, hex(i) from n")
    print("here", flush=True)
    signal.pause()


def rolls_back():
    make_accounts(connect())
    victim = child("hangs")
    assert victim.stdout.readline() == "here\n"
    assert mode == "wal" or os.path.getsize(path + "-journal") > 0
    victim.kill()
    victim.wait()
    c = connect()
    assert total(c) == (ACCOUNTS * MONEY, ACCOUNTS)
    is_whole(c)
    transfers()


def write():
    """Tells what was committed, until the mount goes away."""
    c, rnd = connect(), random.Random(1)
    make_accounts(c)
    n = 0
    try:
        while True:
            transfer(c, rnd)
            n += 1
            print(n, flush=True)
    except (sqlite3.Error, OSError):
        pass


def check():
    # what SIGKILL of the daemon may lose: nothing that returned
    acknowledged = int(sys.argv[4].split()[-1])
    c = connect()
    assert total(c) == (ACCOUNTS * MONEY, ACCOUNTS)
    done = c.execute("select count(*) from done").fetchone()[0]
    assert acknowledged <= done <= acknowledged + 1, (acknowledged, done)
    is_whole(c)
    print(f"{done} transactions")


globals()[what]()

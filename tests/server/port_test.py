# SPDX-License-Identifier: MIT
"""What conversations cannot show: limits, many clients, slow ones, signals."""

import base64
import json
import os
import random
import signal
import socket
import tempfile
import threading
import time

from port_lib import Daemon, Tap, request

MIB = 1 << 20


def pipelined_answers_come_in_order():
    n = 10000
    with Daemon() as daemon, daemon.connect() as c:
        lines = []
        for i in range(n):
            key = f"k/{i % 500}"
            if i % 3 == 0:
                lines.append(request("SET", key=key, value=str(i), id=i))
            elif i % 3 == 1:
                lines.append(request("GET", key=key, id=i))
            else:
                lines.append(b'{"operation":"?","id":%d}\n' % i)
        writer = threading.Thread(target=c.send, args=(b"".join(lines),))
        writer.start()
        for i in range(n):
            assert c.answer()["id"] == i
        writer.join()


def a_request_sees_those_before_it():
    # Slow and quick ones mixed: a worker's request holds back the next.
    big = "x" * 100000
    with Daemon() as daemon, daemon.connect() as c:
        for i in range(50):
            c.send(request("SET", key="k", value=big + str(i))
                   + request("GET", key="k")
                   + request("SET", key="k", value=str(i), sync=i % 2 == 0)
                   + request("COUNT")
                   + request("GET", key="k"))
        for i in range(50):
            assert c.answer()["success"]
            assert c.answer()["data"] == big + str(i)
            assert c.answer()["success"]
            assert c.answer()["count"] == 1
            assert c.answer()["data"] == str(i)


def a_sync_starts_at_once_behind_many_requests():
    # More requests than one turn of a connection runs.
    with Daemon() as daemon, daemon.connect() as c:
        times = []
        for _ in range(6):
            start = time.monotonic()
            c.send(request("PING") * 64
                   + request("SET", key="k", value="v", sync=True))
            for _ in range(65):
                assert c.answer()["success"]
            times.append(time.monotonic() - start)
        assert min(times[1:]) < 0.15, times


def what_is_not_json_is_told_so():
    with Daemon() as daemon, daemon.connect() as c:
        for text in (b"\x01", b"1\x0b", b"01", b"-", b"1.", b".5", b"1e",
                     b"+1", b"--1", b"1-1", b"0x1", b"[1,\x1f2]", b"nul"):
            c.send(b'{"operation":"PING","id":' + text + b"}\n")
            answer = c.answer()
            assert answer["code"] == "BAD_REQUEST", (text, answer)
            assert "id" not in answer, (text, answer)
        for text in (b"0", b"-0", b"10", b"1.5", b"-2e5", b"0.1E-7", b" 1 ",
                     b"[\t1 , 2.0\r]", b'"01"'):
            c.send(b'{"operation":"PING","id":' + text + b"}\n")
            answer = c.answer()
            assert answer["success"], (text, answer)
            assert answer["id"] == json.loads(text), (text, answer)


def a_line_over_the_limit_is_read_off():
    with Daemon() as daemon, daemon.connect() as c:
        assert c.ask("PING")["success"]
        before = daemon.rss_kib()
        piece = b"x" * MIB
        for _ in range(100):
            c.send(piece)
        grown = daemon.rss_kib() - before
        c.send(b"\n" + request("PING", id=1))
        answer = c.answer()
        assert answer["code"] == "TOO_LARGE", answer
        assert c.answer() == {"success": True, "id": 1, "data": "PONG"}
        assert grown < 80 * 1024, f"grew by {grown} KiB"


def a_line_up_to_the_limit_is_taken():
    with Daemon("--line-max=1M") as daemon, daemon.connect() as c:
        empty = len(request("SET", key="k", value="")) - 1
        for size, fits in ((MIB - empty, True), (MIB - empty + 1, False)):
            answer = c.ask("SET", key="k", value="v" * size)
            assert answer["success"] == fits, answer
        assert len(c.ask("GET", key="k")["data"]) == MIB - empty


def a_slow_reader_is_not_buffered_for_and_delays_nobody():
    with Daemon() as daemon, daemon.connect() as slow, daemon.connect() as c:
        assert slow.ask("SET", key="big", value="x" * MIB)["success"]
        before = daemon.rss_kib()
        n = 200
        asker = threading.Thread(
            target=slow.send, args=(request("GET", key="big") * n,))
        asker.start()
        worst = 0.0
        for i in range(300):
            start = time.monotonic()
            assert c.ask("SET", key=f"q/{i}", value="1")["success"]
            worst = max(worst, time.monotonic() - start)
        grown = daemon.rss_kib() - before
        assert grown < 64 * 1024, f"grew by {grown} KiB"
        assert worst < 5, f"waited {worst} s"
        for _ in range(n):
            assert len(slow.line()) > MIB
        asker.join()


def connections_over_the_limit_are_told_busy():
    with Daemon("--connections=3") as daemon:
        held = [daemon.connect() for _ in range(3)]
        for c in held:
            assert c.ask("PING")["success"]
        with daemon.connect() as extra:
            assert extra.answer()["code"] == "BUSY"
            assert extra.line() == b""
        held.pop().close()
        for _ in range(100):  # until the server has seen it close
            with daemon.connect() as extra:
                try:
                    if extra.ask("PING")["success"]:
                        break
                except OSError:
                    pass
            time.sleep(0.05)
        else:
            raise AssertionError("no room after one has left")
        for c in held:
            assert c.ask("PING")["success"]
            c.close()


def silent_connections_are_closed_when_asked_for():
    with Daemon("--idle-timeout=300ms") as daemon, daemon.connect() as c:
        assert c.ask("PING")["success"]
        assert c.line() == b""


def a_cursor_left_alone_is_forgotten():
    with Daemon("--cursor-timeout=300ms") as daemon, daemon.connect() as c:
        for i in range(3):
            c.ask("SET", key=f"k{i}", value="")
        cursor = c.ask("SCAN", limit=1)["cursor"]
        deadline = time.monotonic() + 30
        while c.ask("STATS")["stats"]["server.cursors.closed"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert c.ask("SCAN", cursor=cursor)["code"] == "NOT_FOUND"


def a_ninth_cursor_replaces_the_oldest():
    with Daemon() as daemon, daemon.connect() as c:
        for i in range(3):
            c.ask("SET", key=f"k{i}", value="")
        names = [c.ask("SCAN", limit=1)["cursor"] for _ in range(9)]
        assert len(set(names)) == 9
        assert c.ask("SCAN", cursor=names[0])["code"] == "NOT_FOUND"
        for name in names[1:]:
            assert len(c.ask("SCAN", cursor=name)["items"]) == 2


def scans_walk_many_pages_over_one_state():
    n = 5000
    with Daemon() as daemon, daemon.connect() as c, daemon.connect() as w:
        for at in range(0, n, 500):
            ops = [{"operation": "SET", "key": f"s/{i:06}", "value": str(i)}
                   for i in range(at, at + 500)]
            assert c.ask("BATCH", ops=ops)["success"]
        got, answer = [], c.ask("SCAN", prefix="s/", limit=701)
        while True:
            got += answer["items"]
            if "cursor" not in answer:
                break
            w.ask("DELETE", key=f"s/{len(got) + 100:06}")
            w.ask("SET", key=f"s/{len(got):06}x", value="new")
            answer = c.ask("SCAN", cursor=answer["cursor"], limit=701)
        assert [i["key"] for i in got] == [f"s/{i:06}" for i in range(n)]
        assert [i["value"] for i in got] == [str(i) for i in range(n)]


def synced_writes_share_syncs():
    n, clients = 40, 8
    with Daemon() as daemon:
        def write(k):
            with daemon.connect() as c:
                for i in range(n):
                    assert c.ask("SET", key=f"{k}/{i}", value="v",
                                 sync=True)["success"]
        threads = [threading.Thread(target=write, args=(k,))
                   for k in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        with daemon.connect() as c:
            stats = c.ask("STATS")["stats"]
            assert stats["server.sync_waits"] == n * clients
            assert stats["server.syncs"] < n * clients
            assert c.ask("COUNT")["count"] == n * clients


def answers_behind_a_sync_keep_their_order():
    with Daemon() as daemon, daemon.connect() as c:
        c.send(b"".join(
            request("SET", key="k", value=str(i), sync=i % 7 == 0, id=i)
            + request("GET", key="k", id=[i]) for i in range(500)))
        for i in range(500):
            assert c.answer()["id"] == i
            answer = c.answer()
            assert answer["id"] == [i] and answer["data"] == str(i)


def random_bytes_come_back():
    seed = 77
    rng = random.Random(seed)
    with Daemon() as daemon, daemon.connect() as c:
        for size in (0, 1, 2, 3, 100, 4095, 4096, 4097, 40000, 3 * MIB):
            text = base64.b64encode(rng.randbytes(size)).decode()
            assert c.ask("SET", key=f"v{size}", value=text,
                         encoding="base64")["success"], f"seed {seed}"
            answer = c.ask("GET", key=f"v{size}", encoding="base64")
            assert answer["data"] == text, f"seed {seed} size {size}"


def a_last_line_needs_no_newline():
    with Daemon() as daemon, daemon.connect() as c:
        c.send(b'{"operation":"PING"}\r\n{"operation":"PING","id":2}')
        c.socket.shutdown(socket.SHUT_WR)
        assert c.answer()["success"]
        assert c.answer()["id"] == 2
        assert c.line() == b""


def http_is_hung_up_on():
    with Daemon() as daemon, daemon.connect() as c:
        body = b'{"operation":"SET","key":"stolen","value":""}\n'
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + body)
        assert c.answer()["code"] == "BAD_REQUEST"
        try:
            assert c.line() == b""
        except ConnectionResetError:
            pass
        with daemon.connect() as other:
            assert not other.ask("EXISTS", key="stolen")["exists"]


def many_idle_connections_cost_little():
    with Daemon() as daemon:
        before = daemon.rss_kib()
        idle = [daemon.connect() for _ in range(300)]
        for c in idle:
            assert c.ask("PING")["success"]
        grown = daemon.rss_kib() - before
        assert grown < 30 * 1024, f"{grown} KiB for 300"
        for c in idle:
            c.close()


def sigterm_answers_what_was_read_and_ends_with_0():
    with Daemon() as daemon:
        with daemon.connect() as c, daemon.connect() as idle:
            assert idle.ask("PING")["success"]
            assert c.ask("SET", key="k", value="v", sync=True)["success"]
            c.send(request("COUNT") * 1000)
            assert c.answer()["success"]
            daemon.process.send_signal(signal.SIGTERM)
            codes = set()
            try:
                while line := c.line():
                    codes.add(json.loads(line).get("code"))
            except ConnectionResetError:
                pass
            assert codes <= {None, "SHUTTING_DOWN"}, codes
            assert idle.line() == b""
        assert daemon.stop() == 0
        with Daemon(store=daemon.store) as again, again.connect() as c:
            assert c.ask("GET", key="k")["data"] == "v"


def answered_writes_survive_sigkill():
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        done = 0
        for _ in range(3):
            with Daemon(store=store) as daemon, daemon.connect() as c:
                for i in range(done):
                    assert c.ask("GET", key=f"k/{i}")["data"] == str(i)
                c.send(b"".join(request("SET", key=f"k/{i}", value=str(i))
                                for i in range(done, done + 400)))
                for _ in range(200):
                    assert c.answer()["success"]
                    done += 1
                daemon.stop(signal.SIGKILL)


def garbage_from_many_sides_does_no_harm():
    seed = 31337
    rng = random.Random(seed)
    good = request("SET", key="a/b", value="v", id=[1, {"x": "y"}])
    with Daemon() as daemon:
        for _ in range(30):
            with daemon.connect() as c:
                lines = bytearray(good * 20)
                for _ in range(rng.randrange(1, 60)):
                    lines[rng.randrange(len(lines))] = rng.randrange(256)
                c.send(bytes(lines))
                if rng.random() < 0.5:
                    c.socket.shutdown(socket.SHUT_WR)
                    while c.line():
                        pass
        with daemon.connect() as c:
            assert c.ask("PING")["success"], f"seed {seed}"


def main():
    tap = Tap()
    tests = [value for name, value in globals().items()
             if callable(value) and getattr(value, "__module__", "") ==
             __name__ and name not in ("main",)]
    for test in tests:
        tap.run(test.__name__.replace("_", " "), test)
    tap.done()


main()

# SPDX-License-Identifier: MIT
"""The Test Anything Protocol for Python tests.

    @test("a sentence")
    def _(dir): ...

Each test gets a fresh directory under the one it is run in. Raise Skip where
it cannot be tried. run(base) runs all and prints the plan."""
import os
import sys
import traceback

tests = []


class Skip(Exception):
    pass


def test(name):
    def add(fn):
        tests.append((name, fn))
        return fn
    return add


def raises(errnos, fn, *args, **kwargs):
    """fn fails with one of the errno values."""
    if isinstance(errnos, int):
        errnos = (errnos,)
    try:
        fn(*args, **kwargs)
    except OSError as e:
        if e.errno in errnos:
            return
        raise
    raise AssertionError(f"{fn.__name__}{args} succeeded")


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r:.2000}, expected {expected!r:.2000}")


def run(base, only=None):
    for i, (name, fn) in enumerate(tests, 1):
        directory = os.path.join(base, f"t{i}")
        os.mkdir(directory)
        cwd = os.getcwd()
        try:
            if only and only not in name:
                raise Skip("not chosen")
            os.chdir(directory)
            fn(directory)
            print(f"ok {i} - {name}")
        except Skip as why:
            print(f"ok {i} - {name} # SKIP {why}")
        except Exception:
            print(f"not ok {i} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line:.1000}")
        finally:
            os.chdir(cwd)
        sys.stdout.flush()
    print(f"1..{len(tests)}")

#!/usr/bin/env python3
"""The same runner in Python, by ctypes: runner.py FILE, a command for the shell on each line."""
import ctypes as c
import os
import sys

Text, U64, Size = c.c_char_p, c.c_uint64, c.c_size_t
Words = c.POINTER(Text)


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("os_code", c.c_int), ("message", c.c_char * 512)]


class Options(c.Structure):
    _fields_ = [("size", Size), ("program", Text), ("audit_db", Text), ("policy", Text), ("session", Text),
                ("agent", Text), ("jobs", c.c_uint), ("flags", c.c_uint)]


class Command(c.Structure):
    _fields_ = [("size", Size), ("argv", Words), ("cwd", Text), ("policy", Text), ("write", Words),
                ("read", Words), ("network", Text), ("env", Words), ("labels", Words), ("input", Text),
                ("input_bytes", Size)] + [(name, U64) for name in (
                    "memory_bytes", "wall_ms", "cpu_ms", "idle_ms", "processes", "output_bytes", "file_bytes",
                    "cpus_milli")] + [("data", c.c_void_p)]


class Result(c.Structure):
    _fields_ = [("ticket", U64), ("data", c.c_void_p), ("status", Text), ("reason", Text), ("message", Text),
                ("run_id", Text), ("exit_code", c.c_int), ("signal", c.c_int)] + [(name, U64) for name in (
                    "started_us", "wall_ns", "cpu_ns", "memory_peak_bytes", "denied")] + [
                    ("output", c.c_void_p), ("output_bytes", Size), ("errors", c.c_void_p),
                    ("errors_bytes", Size)]


def check(code):
    if code < 0:
        sys.exit("runner: " + error.message.decode())
    return code == 0


sbx = c.CDLL(os.environ.get("LIBSBX", "libsbx.so.0"))
runner, error, result = c.c_void_p(), Error(), c.POINTER(Result)()
options = Options(c.sizeof(Options), policy=b"read-only", jobs=2)
check(sbx.sbx_open(c.byref(runner), c.byref(options), c.byref(error)))
commands = open(sys.argv[1], "rb").read().splitlines()
for line in commands:
    argv = (Text * 4)(b"/bin/sh", b"-c", line, None)
    command = Command(c.sizeof(Command), argv=argv, memory_bytes=256 << 20, wall_ms=10000)
    check(sbx.sbx_submit(runner, c.byref(command), None, c.byref(error)))
failed = 0
while check(sbx.sbx_next(runner, c.byref(result), -1, c.byref(error))):
    each = result.contents
    failed += each.status != b"ok"
    print(commands[each.ticket - 1].decode(), "->", each.status.decode(), each.reason.decode(), each.exit_code,
          c.string_at(each.output, each.output_bytes))
    sbx.sbx_result_free(result)
sbx.sbx_close(runner)
sys.exit(failed > 0)

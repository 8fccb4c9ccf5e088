"""The hot paths in Python 3: peer.py <path> prints the CPU time of an operation in nanoseconds.

Paths: load32, store32, pread32, signal, round <fired>.
"""

import ctypes
import mmap
import os
import select
import sys
import time

REGISTERS = 256
SIZE = 4096


def device():
    fd = os.memfd_create("device")
    os.ftruncate(fd, SIZE)
    return fd


def make_eventfd():
    if hasattr(os, "eventfd"):
        return os.eventfd(0, os.EFD_NONBLOCK)
    fd = ctypes.CDLL(None).eventfd(0, os.O_NONBLOCK)
    if fd < 0:
        sys.exit("eventfd failed")
    return fd


def load32(turns):
    registers = memoryview(mmap.mmap(device(), SIZE)).cast("I")
    value = 0
    start = time.process_time_ns()
    for _ in range(turns):
        for i in range(REGISTERS):
            value ^= registers[i]
    return (time.process_time_ns() - start) / turns / REGISTERS


def store32(turns):
    registers = memoryview(mmap.mmap(device(), SIZE)).cast("I")
    start = time.process_time_ns()
    for _ in range(turns):
        for i in range(REGISTERS):
            registers[i] = i
    return (time.process_time_ns() - start) / turns / REGISTERS


def pread32(turns):
    fd = device()
    start = time.process_time_ns()
    for _ in range(turns):
        int.from_bytes(os.pread(fd, 4, 64), "little")
    return (time.process_time_ns() - start) / turns


def signal(turns):
    fd = make_eventfd()
    one = (1).to_bytes(8, "little")
    start = time.process_time_ns()
    for _ in range(turns):
        os.write(fd, one)
    return (time.process_time_ns() - start) / turns


def rounds(fired, turns):
    epoll = select.epoll()
    handlers = {}
    seen = 0

    def handler(fd):
        nonlocal seen
        os.read(fd, 8)
        seen += 1

    for _ in range(fired):
        fd = make_eventfd()
        epoll.register(fd, select.EPOLLIN)
        handlers[fd] = handler
    one = (1).to_bytes(8, "little")
    start = time.process_time_ns()
    for _ in range(turns):
        seen = 0
        for fd in handlers:
            os.write(fd, one)
        while seen < fired:
            for fd, _ in epoll.poll(-1, fired):
                handlers[fd](fd)
    return (time.process_time_ns() - start) / turns


def main(path, *arguments):
    if path == "round":
        fired = int(arguments[0])
        return rounds(fired, max(5, 100000 // fired))
    paths = {"load32": (load32, 1000), "store32": (store32, 1000)}
    paths.update({"pread32": (pread32, 50000), "signal": (signal, 50000)})
    run, turns = paths[path]
    return run(turns)


print(f"{main(*sys.argv[1:]):.3f}")

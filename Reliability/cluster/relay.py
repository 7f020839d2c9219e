"""relay.py SECONDS: passes packets between a TUN device of each of hosts.py's hosts, each packet SECONDS later.

Not every kernel has netem. Prints "ready" once both devices are there; the caller gives them addresses.
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

import hosts

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def device(host, name):
    """Makes a TUN device in a host's network."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    hosts.inside(host)
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    hosts.command(f"ip link set {name} txqueuelen 10000")
    hosts.inside(home)
    return handle


def main():
    delay = float(sys.argv[1])
    # Timers are exact to 1 µs instead of 50: PR_SET_TIMERSLACK.
    ctypes.CDLL(None).prctl(29, 1000, 0, 0, 0)
    ends = [device(name, f"t{i}") for i, name in enumerate(hosts.NAMES)]
    others = {ends[0]: ends[1], ends[1]: ends[0]}
    # Every packet waits for as long: one queue is in order for both directions.
    waiting = collections.deque()
    print("ready", flush=True)
    while True:
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(ends, [], [], pause)[0]:
            for _ in range(64):
                try:
                    waiting.append((time.monotonic() + delay, others[end], os.read(end, 65536)))
                except BlockingIOError:
                    break
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, end, packet = waiting.popleft()
            try:
                os.write(end, packet)
            except OSError:
                pass  # the device is down: the link is cut


main()

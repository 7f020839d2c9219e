"""Two hosts on this machine: network namespaces with names and addresses of their own, and a link between them.

Runs in namespaces of its own for mounts and processes (cluster.sh makes them), so that the kernel takes away every host, link, mount and process
once the caller ends, by whatever signal. Uses no network but the links that it makes.
"""

import ctypes
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NETNS = pathlib.Path("/run/netns")
# Bytes of a packet: a cluster's large Ethernet frames.
PACKET = 9000
ADDRESSES = ["10.213.7.1", "10.213.7.2"]
NAMES = ["host0", "host1"]
# Open MPI refuses root, and binds processes to cores, unless told. Keepalive probes find a lost host while nothing is sent.
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_btl": "self,tcp",
    "OMPI_MCA_plm_rsh_agent": f"bash {HERE / 'agent.sh'}", "SWIFT_BACKTRACE": "enable=no",
}


def command(line, **options):
    subprocess.run(shlex.split(line) if isinstance(line, str) else line, check=True, **options)


def inside(name):
    """Moves this process into a host's network, or back if `name` is a file descriptor."""
    handle = os.open(NETNS / name, os.O_RDONLY) if isinstance(name, str) else name
    if ctypes.CDLL(None, use_errno=True).setns(handle, 0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), f"setns {name}")


class Hosts:
    """Two hosts and their link: a veth pair, or a relay between two TUN devices that delays each packet.

    `rate` is in bits a second, for each direction (by tc's token bucket filter); `delay` in seconds, for each direction.
    """

    def __init__(self, rate=None, delay=None):
        command("mount -t tmpfs tmpfs /run/netns")
        self.relay = None
        for name in NAMES:
            command(f"ip netns add {name}")
            command(f"ip -n {name} link set lo up")
        if delay is None:
            self.devices = ["v0", "v1"]
            command("ip link add v0 netns host0 type veth peer name v1 netns host1")
        else:
            self.devices = ["t0", "t1"]
            self.relay = subprocess.Popen([sys.executable, HERE / "relay.py", str(delay)], stdout=subprocess.PIPE)
            if self.relay.stdout.readline() != b"ready\n":
                raise RuntimeError("the relay did not start")
        for name, device, address in zip(NAMES, self.devices, ADDRESSES):
            command(f"ip -n {name} address add {address}/24 dev {device}")
            command(f"ip -n {name} link set {device} mtu {PACKET} up")
            if rate:
                # The queue holds 50 ms, beyond which packets are dropped, as in a switch.
                command(f"tc -n {name} qdisc add dev {device} root tbf rate {int(rate)} burst 256kb latency 50ms")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for index in range(2):
            self.kill(index)
        if self.relay:
            self.relay.kill()
            self.relay.wait()
        for name in NAMES:
            command(f"ip netns del {name}")
        command("umount /run/netns")

    def cut(self, index=1):
        """Pulls the link's plug on one host: the other one hears nothing more."""
        command(f"ip -n {NAMES[index]} link set {self.devices[index]} down")

    def mend(self, index=1):
        command(f"ip -n {NAMES[index]} link set {self.devices[index]} up")

    def processes(self, index):
        text = subprocess.run(["ip", "netns", "pids", NAMES[index]], capture_output=True, text=True).stdout
        return [int(pid) for pid in text.split()]

    def kill(self, index):
        """Ends every process of a host at once."""
        for _ in range(100):
            pids = self.processes(index)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not pids:
                return
            time.sleep(0.01)

    def mpirun(self, arguments, both=True, options=(), environment=()):
        """Starts two processes, one on each host or both on the first. Output goes to files."""
        where = ",".join(f"{a}:1" for a in ADDRESSES) if both else f"{ADDRESSES[0]}:2"
        line = ["mpirun", "-n", "2", "--host", where, *options]
        for name in ("LD_LIBRARY_PATH", "OMP_NUM_THREADS"):
            line += ["-x", name] if name in os.environ else []
        return Launched(["bash", str(HERE / "agent.sh"), NAMES[0], shlex.join(line + [str(a) for a in arguments])], dict(environment))


class Launched:
    """An mpirun, with its output."""

    def __init__(self, line, environment):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            line, env={**os.environ, **MPI, **environment}, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def is_running(self):
        return self.process.poll() is None

    def wait(self, limit):
        """The exit code; None if it has not ended within `limit` seconds."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def text(self):
        self.log.seek(0)
        return re.sub(r"[^\n]*\r", "", self.log.read().decode(errors="replace"))

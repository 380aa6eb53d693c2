#!/usr/bin/env python3
"""Gives a TCP meter (or any serial server) a pseudo-terminal with the pace of a real RS-485 wire.

A request written to the terminal reaches the meter when its last bit would have left the wire; the meter's reply comes back
byte by byte, begun no earlier than the reply delay after the request's end. All times stand on one absolute clock, so that
lateness of this process does not add up, and what a bench measures is the host on the terminal's other side.

  scripts/wire.py --link /tmp/bus1 --connect 127.0.0.1:7001 --baud 9600 --parity even --reply-delay-ms 20 --stats

Several wires: repeat --link and --connect; the other options hold for all. SIGUSR1 unplugs every terminal and plugs it in
again under a new number; SIGUSR2 prints the statistics as one line of JSON for each wire and starts them anew; SIGTERM and
SIGINT remove the links, print the statistics (with --stats), and end.
"""

import argparse
import collections
import ctypes
import errno
import json
import os
import select
import signal
import socket
import sys
import termios
import time
import tty

RETRY_S = 0.1
# Gaps kept for the percentiles; the mean and the count go on beyond.
GAPS_MAX = 1_000_000
# What waits for the wire at most; a peer that sends more is cut off.
PENDING_MAX = 65_536


class Wire:
    def __init__(self, link, host, port, options):
        self.link, self.peer, self.options = link, (host, port), options
        bits = 1 + 8 + (0 if options.parity == "none" else 1) + 1
        self.byte_s = bits / options.baud
        self.master = self.slave = -1
        self.held = []
        self.peer_socket = None
        self.connecting = False
        self.retry_at = 0.0
        # Request bytes on the wire: their end, and when the last of them was written.
        self.request = bytearray()
        self.request_end = 0.0
        # Reply bytes on the wire: (instant of the byte's end, byte).
        self.reply = collections.deque()
        self.earliest_reply = 0.0
        self.last_in = None
        self.unplugged = 0
        self.start_statistics()
        self.plug_in()

    def start_statistics(self):
        self.stats = {
            "requests": 0, "requestBytes": 0, "replies": 0, "replyBytes": 0, "overlaps": 0, "lostReplies": 0,
            "wireMs": 0.0, "lateMaxMs": 0.0, "lateSumMs": 0.0,
        }
        self.gaps = []
        self.gap_count, self.gap_sum = 0, 0.0

    def plug_in(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave, termios.TCSANOW)
        os.set_blocking(self.master, False)
        temporary = f"{self.link}.{os.getpid()}"
        os.symlink(os.ttyname(self.slave), temporary)
        os.replace(temporary, self.link)

    def unplug(self):
        """Takes the terminal away and brings it back under another number."""
        self.unplugged += 1
        old_master, old_slave = self.master, self.slave
        os.unlink(self.link)
        # Opened before the old one is closed: the kernel cannot give the old number again.
        self.plug_in()
        os.close(old_master)
        os.close(old_slave)
        self.request.clear()
        self.reply.clear()
        self.last_in = None

    def remove(self):
        if os.path.islink(self.link):
            os.unlink(self.link)

    def connect(self, now):
        self.peer_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.peer_socket.setblocking(False)
        self.peer_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self.peer_socket.connect_ex(self.peer)
        if code not in (0, errno.EINPROGRESS):
            self.disconnect(now)
        else:
            self.connecting = code != 0

    def connected(self, now):
        if self.peer_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            self.connecting = False
        else:
            self.disconnect(now)

    def disconnect(self, now):
        if self.peer_socket is not None:
            self.peer_socket.close()
        self.peer_socket = None
        self.connecting = False
        self.retry_at = now + RETRY_S

    def from_host(self, now):
        """Bytes of the host: they occupy the wire from now on, or from the end of what it already sends."""
        try:
            data = os.read(self.master, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            # EIO: nobody has the terminal open. We hold its other end, so this passes.
            if error.errno != errno.EIO:
                raise
            return
        if not data:
            return
        if not self.request:
            self.stats["requests"] += 1
            if self.last_in is not None:
                gap = (now - self.last_in) * 1000
                self.gap_count += 1
                self.gap_sum += gap
                if len(self.gaps) < GAPS_MAX:
                    self.gaps.append(gap)
                self.last_in = None
        if self.reply:
            self.collide()
        start = max(now, self.request_end)
        self.request += data
        self.request_end = start + len(data) * self.byte_s
        self.stats["requestBytes"] += len(data)
        self.stats["wireMs"] += len(data) * self.byte_s * 1000

    def collide(self):
        """Two talk at once: on a real wire both frames would be lost."""
        self.stats["overlaps"] += 1

    def to_meter(self, now):
        """The request's last bit has left the wire."""
        data = bytes(self.request)
        self.request.clear()
        self.earliest_reply = self.request_end + self.options.reply_delay_ms / 1000
        if self.options.echo:
            self.queue_reply(data, self.request_end - len(data) * self.byte_s)
        if self.peer_socket is None or self.connecting:
            self.stats["lostReplies"] += 1
            return
        try:
            self.peer_socket.sendall(data)
        except OSError:
            self.disconnect(now)

    def from_meter(self, now):
        try:
            data = self.peer_socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.disconnect(now)
            return
        if len(self.reply) > PENDING_MAX:
            self.disconnect(now)
            return
        if self.request:
            self.collide()
        self.queue_reply(data, max(now, self.earliest_reply))

    def queue_reply(self, data, start):
        if self.reply:
            start = max(start, self.reply[-1][0])
        self.stats["wireMs"] += len(data) * self.byte_s * 1000
        for i, byte in enumerate(data):
            self.reply.append((start + (i + 1) * self.byte_s, byte))

    def to_host(self, now):
        """Writes the bytes whose wire time is over; with a FIFO, in its portions."""
        due = 0
        for end, _ in self.reply:
            if end > now:
                break
            due += 1
        if due < self.options.fifo and due < len(self.reply):
            return
        chunk = bytes(self.reply[i][1] for i in range(due))
        late = now - self.reply[due - 1][0]
        self.stats["lateMaxMs"] = max(self.stats["lateMaxMs"], late * 1000)
        for _ in range(due):
            self.reply.popleft()
        try:
            os.write(self.master, chunk)
        except OSError:
            pass
        self.stats["replyBytes"] += len(chunk)
        if not self.reply:
            self.stats["replies"] += 1
            self.stats["lateSumMs"] += late * 1000
            self.last_in = time.monotonic()

    def next_event(self):
        events = []
        if self.request:
            events.append(self.request_end)
        if self.reply:
            last = min(self.options.fifo, len(self.reply)) - 1
            events.append(self.reply[last][0])
        if self.peer_socket is None:
            events.append(self.retry_at)
        return min(events, default=None)

    def act(self, now):
        if self.request and now >= self.request_end:
            self.to_meter(now)
        if self.reply and now >= self.reply[min(self.options.fifo, len(self.reply)) - 1][0]:
            self.to_host(now)
        if self.peer_socket is None and now >= self.retry_at:
            self.connect(now)

    def report(self):
        gaps = sorted(self.gaps)

        def quantile(share):
            return round(gaps[min(len(gaps) - 1, int(share * len(gaps)))], 4) if gaps else None

        return {
            "link": self.link,
            **{key: round(value, 4) if isinstance(value, float) else value for key, value in self.stats.items()},
            "unplugged": self.unplugged,
            "byteMs": round(self.byte_s * 1000, 6),
            "gapCount": self.gap_count,
            "gapMeanMs": round(self.gap_sum / self.gap_count, 4) if self.gap_count else None,
            "gapP50Ms": quantile(0.5), "gapP99Ms": quantile(0.99), "gapMaxMs": quantile(1.0),
        }


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n", 1)[1], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--link", action="append", required=True, metavar="PATH", help="symbolic link to the terminal")
    parser.add_argument("--connect", action="append", required=True, metavar="HOST:PORT", help="the meter's TCP port")
    parser.add_argument("--baud", type=int, default=2400)
    parser.add_argument("--parity", choices=("none", "even", "odd"), default="even")
    parser.add_argument("--reply-delay-ms", type=float, default=20.0, help="from the request's end to the reply's start")
    parser.add_argument("--fifo", type=int, default=1, metavar="N", help="hand reply bytes over N at a time, as a UART may")
    parser.add_argument("--echo", action="store_true", help="send the request's bytes back, as some adapters do")
    parser.add_argument("--spin-ms", type=float, default=0.0, help="stay awake for the last so many ms before a byte is due")
    parser.add_argument("--end-with-parent", type=int, metavar="PID", help="end when the process that started this one, PID, ends")
    parser.add_argument("--stats", action="store_true", help="print a line of JSON for each wire at the end")
    options = parser.parse_args()
    if len(options.link) != len(options.connect):
        parser.error("as many --connect as --link are needed")
    if options.baud < 1 or options.fifo < 1:
        parser.error("--baud and --fifo must be at least 1")
    return options


def prctl(option, value):
    """Linux only; elsewhere nothing happens."""
    try:
        ctypes.CDLL(None).prctl(option, int(value), 0, 0, 0)
    except (OSError, AttributeError):
        pass


def main():
    options = parse_arguments()
    # Timers to the microsecond (PR_SET_TIMERSLACK): without it they are 50 us late.
    prctl(29, 1)
    if options.end_with_parent is not None:
        # PR_SET_PDEATHSIG; a parent that went while this process was still starting would never signal.
        prctl(1, signal.SIGTERM)
        if os.getppid() != options.end_with_parent:
            return
    wires = []
    for link, peer in zip(options.link, options.connect):
        host, _, port = peer.rpartition(":")
        wires.append(Wire(link, host, int(port), options))
    signals = []
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda received, _: signals.append(received))
    print("ready", flush=True)
    try:
        run(wires, signals, wake_read, options.spin_ms / 1000)
    finally:
        for wire in wires:
            wire.remove()
        if options.stats:
            for wire in wires:
                print(json.dumps(wire.report()), flush=True)


def run(wires, signals, wake_read, spin_s):
    while True:
        while signals:
            number = signals.pop(0)
            if number == signal.SIGUSR1:
                for wire in wires:
                    wire.unplug()
                print("replugged", flush=True)
            elif number == signal.SIGUSR2:
                for wire in wires:
                    print(json.dumps(wire.report()), flush=True)
                    wire.start_statistics()
            else:
                return
        now = time.monotonic()
        for wire in wires:
            wire.act(now)
        events = [event for event in (wire.next_event() for wire in wires) if event is not None]
        timeout = None if not events else max(0.0, min(events) - time.monotonic() - spin_s)
        reading, writing = [wake_read], []
        for wire in wires:
            reading.append(wire.master)
            if wire.peer_socket is not None:
                (writing if wire.connecting else reading).append(wire.peer_socket)
        readable, writable, _ = select.select(reading, writing, [], timeout)
        now = time.monotonic()
        if wake_read in readable:
            os.read(wake_read, 64)
        for wire in wires:
            if wire.master in readable:
                wire.from_host(now)
            if wire.peer_socket in writable:
                wire.connected(now)
            elif wire.peer_socket in readable:
                wire.from_meter(now)


if __name__ == "__main__":
    sys.exit(main())

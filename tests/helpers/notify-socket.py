"""Stands in for systemd: a datagram socket that prints each message as one line of JSON."""

import array
import json
import os
import socket
import sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print(json.dumps({"listening": True}), flush=True)
while True:
    message, ancillary, _, _ = receiver.recvmsg(4096, socket.CMSG_SPACE(4 * 16))
    # systemd-notify hands over a pipe and waits until it is closed: its message has been looked at then.
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            passed = array.array("i")
            passed.frombytes(data[: len(data) - len(data) % passed.itemsize])
            for descriptor in passed:
                os.close(descriptor)
    lines = message.decode().split("\n")
    if lines != ["BARRIER=1"]:
        print(json.dumps(lines), flush=True)

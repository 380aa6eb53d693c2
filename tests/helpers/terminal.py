"""Runs a command on a terminal and types at it.

usage: terminal.py QUESTION ANSWER [QUESTION ANSWER ...] -- COMMAND [ARG ...]

Each answer is typed once its question stands on the terminal. Prints all that the terminal showed; ends with the command's status.
"""
import os
import pty
import sys

split = sys.argv.index("--")
pairs = sys.argv[1:split]
questions = [(pairs[i].encode(), pairs[i + 1].encode().decode("unicode_escape").encode()) for i in range(0, len(pairs), 2)]
command = sys.argv[split + 1 :]

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

shown = b""
seen = 0
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break  # the far end is gone
    if not piece:
        break
    shown += piece
    while questions and questions[0][0] in shown[seen:]:
        seen = shown.index(questions[0][0], seen) + len(questions[0][0])
        os.write(terminal, questions.pop(0)[1])

_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))

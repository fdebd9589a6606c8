"""After both articles, with one thread: first everything is sent, and then the friend's answer
is received. Both sides run this same program.

Wrong: what is sent and not yet received has to wait somewhere, and the system's buffers have an
end. When they are full `sendall` waits until the friend receives. If the friend is waiting in
`sendall` as well, that is never.
"""

import sys

from meeting import meet

clientsocket = meet()
everything = sys.stdin.buffer.read()

clientsocket.sendall(everything)
print('everything is sent')
received = 0
while received < len(everything):
    received += len(clientsocket.recv(1000))
print('received', received, 'bytes')

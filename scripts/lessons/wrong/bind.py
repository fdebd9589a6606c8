"""After computerB.py in "How The Internet Speaks"; the port is on the command line, and a goodbye
has been added, so that this program is the one that closes first.

Wrong: the line with SO_REUSEADDR, which "Adventures with sockets, threads and more!" has, is
missing. The side that closes first keeps the connection's address for a while (TIME-WAIT), and
without that line nobody may listen there meanwhile. No program is running by then.
"""

import socket
import sys

computerB = socket.socket()

computerB.bind(('127.0.0.1', int(sys.argv[1])))
computerB.listen(1)
print('listening on %s:%s' % computerB.getsockname(), file=sys.stderr, flush=True)

client_socket, address = computerB.accept()

data = client_socket.recv(2048)
print(data.decode('utf-8'))
client_socket.send('goodbye'.encode('utf-8'))
client_socket.close()
computerB.close()

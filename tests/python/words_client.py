"""The client of "How The Internet Speaks": it sends the article's words, and then 'end'.

Written anew from the article's text. Its two calls of `send` for each word are kept (so that the
length and the word may arrive apart), and so is that it never receives, and just closes.
Corrected: the length is that of the bytes, not of the characters; and `sendall`, since `send` may
take less than it is given; and it closes when its words have arrived, since a system that is told
to close a socket in which something has not been received throws away what it has not sent yet.
More words may be given on the command line, behind a `--`.
"""

import fcntl
import struct
import sys
import termios

from meeting import meet

arr = ['random', 'strings', 'that', 'need', 'to', 'be', 'transferred', 'across', 'the', 'network',
       'using', 'sockets']

if '--' in sys.argv:
    arr += sys.argv[sys.argv.index('--') + 1:]

client_socket = meet()
for string in arr + ['end']:
    encoded_string = string.encode('utf-8')
    len_of_string = len(encoded_string)
    len_in_bytes = (len_of_string).to_bytes(2, byteorder='little')
    client_socket.sendall(len_in_bytes)
    client_socket.sendall(encoded_string)

# Linux's SIOCOUTQ: how many bytes the other system has not acknowledged.
while struct.unpack('i', fcntl.ioctl(client_socket, termios.TIOCOUTQ, bytes(4))) != (0,):
    pass
client_socket.close()

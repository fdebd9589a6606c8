"""The server of "How The Internet Speaks": it prints every word that it is sent, until 'end'.

Written anew from the article's text, with its two calls of `recv`, each as bare as it stands
there. They may give less than they are asked for; that they give all of it here rests on the
other side sending a length and its word in one write. Corrected: at the end of the connection
the article's server goes round for ever, and here it says that it was cut off.
"""

import sys

from meeting import meet

client_socket = meet()
while True:
    data = client_socket.recv(2)
    if not data:
        sys.exit('cut off')
    str_length = int.from_bytes(data, byteorder='little')
    string = client_socket.recv(str_length).decode('utf-8')
    if string == 'end':
        break
    print(string, flush=True)
client_socket.close()

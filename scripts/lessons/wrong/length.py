"""The server of "How The Internet Speaks", written anew from the article's text: it receives a
length of 2 bytes, then the string, until the string is 'end'.

Wrong: `recv(2)` does not give 2 bytes. It gives up to 2 bytes of whatever has arrived; and so
does the `recv` of the string. On one computer it mostly happens to be all of them.
"""

from meeting import meet

client_socket = meet()
while True:
    data = client_socket.recv(2)
    str_length = int.from_bytes(data, byteorder='little')
    string = client_socket.recv(str_length).decode('utf-8')
    if string == 'end':
        break
    print(repr(string))
client_socket.close()

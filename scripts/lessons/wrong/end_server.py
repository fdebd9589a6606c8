"""The server of "How The Internet Speaks", written anew from the article's text: it receives a
length of 2 bytes, then the string, until the string is 'end'.

Wrong: it cannot tell the word 'end' from the end. What comes after the word it never receives,
and it does not tell anybody.
"""

from meeting import meet

client_socket = meet()
while True:
    data = client_socket.recv(2)
    str_length = int.from_bytes(data, byteorder='little')
    string = client_socket.recv(str_length).decode('utf-8')
    if string == 'end':
        break
    print(string)
client_socket.close()

"""The client of "How The Internet Speaks", written anew from the article's text: the length in
2 bytes, then the string; the string 'end' says that this was all.

Wrong: 'end' is also a word. "Obviously, this means that we can't use the string 'end' in any
other part of our array except the very end", says the article; but nothing here forbids it.
"""

import sys

from meeting import meet

arr = sys.argv[3:]

client_socket = meet()
for string in arr + ['end']:
    encoded_string = string.encode('utf-8')
    len_of_string = len(encoded_string)
    len_in_bytes = (len_of_string).to_bytes(2, byteorder='little')
    client_socket.send(len_in_bytes)
    client_socket.send(encoded_string)
client_socket.close()
print('sent', len(arr), 'strings')

//! What the pages of help say besides the options, which stand in [`cli`](crate::program::cli):
//! examples, and exit codes.

/// What the program can be asked for.
pub const EXAMPLES: &str = "\
Examples:
  threadchat listen                       wait for a friend on port 9999
  threadchat connect 192.168.1.5          call the friend who waits there
  threadchat connect --wait 192.168.1.5   the same, before the friend is there
  threadchat listen --room                open a room: many may call
  threadchat listen > copy                receive a file ...
  threadchat connect 192.168.1.5 < file   ... and send it, from another computer

Ctrl-D ends what you say, Ctrl-C leaves. The line is not encrypted.";

/// What the exit code says.
pub const EXIT_CODES: &str = "\
0    the conversation ended as people end conversations
1    it could not start, or it broke
2    the command line is wrong
130  interrupted before a conversation, or by a second signal";

/// What `listen` can be asked for.
pub const LISTEN_EXAMPLES: &str = "\
Examples:
  threadchat listen                    port 9999, every address of this computer
  threadchat listen 8000               another port
  threadchat listen 192.168.1.5:9999   on one address only
  threadchat listen 0                  on any free port; the first line tells which
  threadchat listen --keep             when a friend has left, wait for the next
  threadchat listen --room             many may call, and everyone hears everyone
  threadchat listen > copy             write what arrives into a file, byte for byte

The friend may use `nc`, `ncat`, `socat` or `telnet` as well, also in a room.";

/// What `picture` can be asked for.
pub const PICTURE_EXAMPLES: &str = "\
Examples:
  threadchat picture leta.json -o talk.html              what one side recorded
  threadchat picture leta.json susan.json -o talk.html   both sides, with arrows between them

A side is recorded with --trace: threadchat listen --trace leta.json

The page is a single file that needs no network. It has a lane for each thread, and steps
through what happened with the arrow keys. Where the clocks of two computers differ, it shifts
one of them, as the messages tell, and says by how much.";

/// What `connect` can be asked for.
pub const CONNECT_EXAMPLES: &str = "\
Examples:
  threadchat connect 192.168.1.5           port 9999
  threadchat connect 192.168.1.5:8000      another port; `192.168.1.5 8000` does too
  threadchat connect [fe80::1%eth0]:8000   IPv6 wants brackets where a port follows
  threadchat connect --wait=60 my-friend   call again until somebody answers
  threadchat connect my-friend < file      send a file, byte for byte

The friend may use `nc`, `ncat`, `socat` or `telnet` as well.";

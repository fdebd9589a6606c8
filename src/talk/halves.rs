//! A conversation is two halves: what we say, and what they say. Each can end while the other goes on
//! (half-close: RFC 9293, 3.6). What the end of one means for the other is a table: [`conclude`].
//!
//! This file only says what is to be done; the [conversation](crate::talk::conversation) does it.

use std::borrow::Cow;
use std::io;
use std::time::Instant;

use crate::talk::plan::Stdin;
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::wire::messages::END_FRAME;

/// Our half. What we say goes to the socket-writer, and only an open half holds the way there: so
/// nothing can be said once our half is closed.
#[derive(Debug)]
pub enum Ours {
    /// We can speak.
    Open(Outbox),
    /// Everything is handed over to the socket-writer, which is sending it.
    Closing {
        /// The word `end` is the last of it.
        end: bool,
    },
    /// The socket-writer has said its last word.
    Closed {
        /// We have said `end`.
        end: bool,
        /// How many bytes it left unsent.
        unsent: u64,
        /// The error that it got for sending our `end`, where that was all that was left to be sent.
        refused: Option<io::Error>,
    },
}

impl Ours {
    /// Closes our half: what was handed over is still sent, then the word `end` if wanted, then FIN.
    pub fn close(&mut self, end: bool) {
        let Ours::Open(to_friend) = self else { return };
        if end {
            // A socket-writer that has failed says so itself.
            to_friend.send(Order::Own(Cow::Borrowed(END_FRAME)));
        }
        // This drops our end of the outbox, which tells the socket-writer that this was all.
        *self = Ours::Closing { end };
    }

    /// The socket-writer has said its last word.
    pub fn set_closed(&mut self, unsent: u64, refused: Option<io::Error>) {
        *self = Ours::Closed { end: self.said_end(), unsent, refused };
    }

    /// Whether we can speak.
    pub fn is_open(&self) -> bool {
        matches!(self, Ours::Open(_))
    }

    /// Whether we have said `end`.
    pub fn said_end(&self) -> bool {
        matches!(self, Ours::Closing { end: true } | Ours::Closed { end: true, .. })
    }

    /// How many bytes were left unsent, once the socket-writer has said its last word.
    pub fn unsent(&self) -> Option<u64> {
        match self {
            Ours::Closed { unsent, .. } => Some(*unsent),
            Ours::Open(_) | Ours::Closing { .. } => None,
        }
    }

    /// Whether the socket-writer has said its last word.
    pub fn is_closed(&self) -> bool {
        self.unsent().is_some()
    }
}

/// The friend's half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// They can speak.
    Open,
    /// They have said `end`; FIN is still to come.
    SaidEnd,
    /// The socket-reader has said its last word.
    Closed {
        /// They ended, and did not just break off: nothing that they said is missing.
        whole: bool,
        /// They have said `end`.
        end: bool,
    },
}

impl Theirs {
    /// The socket-reader has said its last word. `whole`: the stream ended as it should.
    pub fn set_closed(&mut self, whole: bool) {
        *self = Theirs::Closed { whole: whole || self.have_ended(), end: self.said_end() };
    }

    /// Whether they have ended, with `end` or with FIN.
    pub fn have_ended(self) -> bool {
        matches!(self, Theirs::SaidEnd | Theirs::Closed { whole: true, .. })
    }

    /// Whether they have said `end`.
    pub fn said_end(self) -> bool {
        matches!(self, Theirs::SaidEnd | Theirs::Closed { end: true, .. })
    }

    /// Whether the socket-reader has said its last word.
    pub fn is_closed(self) -> bool {
        matches!(self, Theirs::Closed { .. })
    }
}

/// What is known of the end of our input. We may say `end` only if nothing of the input is missing;
/// what became of stdout makes no difference to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEnd {
    /// More may come.
    Open,
    /// We are leaving. If the end is not found in time, the input counts as cut short.
    Expected {
        /// When it is too late.
        by: Instant,
    },
    /// It has ended, and all that was read of it has come to us.
    Found,
    /// There was more, which can no longer be said.
    CutShort,
}

impl InputEnd {
    /// Whether nothing is missing. Only of a pipe may something be missing because its end has not been
    /// found: what a person has only half typed does not count as said.
    pub fn is_whole(self, stdin: Stdin) -> bool {
        match self {
            InputEnd::Found => true,
            InputEnd::Open | InputEnd::Expected { .. } => stdin != Stdin::Pipe,
            InputEnd::CutShort => false,
        }
    }

    /// Whether its end may still be found.
    pub fn is_open(self) -> bool {
        matches!(self, InputEnd::Open | InputEnd::Expected { .. })
    }
}

/// What can happen to a conversation: the first column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Our input has ended: Ctrl-D, or the end of a pipe or file.
    OurInputEnded,
    /// More came after the line `end` of piped input.
    InputAfterEnd,
    /// Our input cannot be read, or has something in it that the wire cannot carry.
    InputBroke,
    /// They have ended.
    TheyEnded,
    /// What they say breaks off, or breaks the rules of the wire.
    TheyBroke,
    /// The connection is gone: reset, timed out, unreachable.
    LineBroke,
    /// Ctrl-C, SIGTERM or SIGHUP.
    Signal,
    /// Whoever read our stdout has gone.
    StdoutClosed,
    /// Stdout cannot be written.
    StdoutBroke,
    /// The system refused what we sent.
    SendRefused,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Our half closes, and we listen until theirs ends, however long that takes.
    HearThemOut,
    /// Nothing closes: what comes from stdin is still sent, until stdin ends too.
    GoOn,
    /// We begin to leave. Our half closes, and they have a while to end theirs.
    Leave(Rest),
    /// The reason is noted, and nothing else is done: the socket-reader will find the connection broken
    /// too, after it has read what still arrived.
    Remember,
}

/// When our half closes, if stdin is a pipe that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// When the stdin-reader, which has been told to stop, has handed over what it has read.
    LastWord,
    /// When the end of stdin is found. If that is not soon, the input has been cut short.
    SoonOrCutShort,
    /// Now: nobody hears us any more.
    Unheard,
}

/// The table of how a conversation ends.
pub fn conclude(happened: Happened, stdin: Stdin) -> Then {
    use Happened::*;
    match (happened, stdin) {
        (OurInputEnded | InputAfterEnd, _) => Then::HearThemOut,
        // For a person at a terminal, a friend who has ended has left. And if stdin is not read, there
        // is nothing to go on with.
        (TheyEnded, Stdin::Terminal | Stdin::Unread) => Then::Leave(Rest::Unheard),
        (TheyEnded, Stdin::Pipe) => Then::GoOn,
        (Signal, _) => Then::Leave(Rest::LastWord),
        (StdoutClosed | StdoutBroke | InputBroke | TheyBroke, _) => {
            Then::Leave(Rest::SoonOrCutShort)
        }
        (LineBroke, _) => Then::Leave(Rest::Unheard),
        (SendRefused, _) => Then::Remember,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::Role;
    use crate::threads::outbox;

    const EVERY_STDIN: [Stdin; 3] = [Stdin::Terminal, Stdin::Pipe, Stdin::Unread];

    fn is(happened: Happened, then: Then) {
        for stdin in EVERY_STDIN {
            assert_eq!(conclude(happened, stdin), then, "{happened:?} {stdin:?}");
        }
    }

    #[test]
    fn my_stdin_ends_and_the_friend_is_heard_out() {
        is(Happened::OurInputEnded, Then::HearThemOut);
        is(Happened::InputAfterEnd, Then::HearThemOut);
    }

    #[test]
    fn the_friend_ends_and_a_person_is_left_alone_but_a_pipe_is_sent_to_its_end() {
        let left = Then::Leave(Rest::Unheard);
        assert_eq!(conclude(Happened::TheyEnded, Stdin::Terminal), left);
        assert_eq!(conclude(Happened::TheyEnded, Stdin::Unread), left);
        assert_eq!(conclude(Happened::TheyEnded, Stdin::Pipe), Then::GoOn);
    }

    #[test]
    fn a_signal_lets_what_was_read_be_sent() {
        is(Happened::Signal, Then::Leave(Rest::LastWord));
    }

    #[test]
    fn a_stdout_that_takes_nothing_more_ends_it_and_cuts_piped_input_short() {
        is(Happened::StdoutClosed, Then::Leave(Rest::SoonOrCutShort));
        is(Happened::StdoutBroke, Then::Leave(Rest::SoonOrCutShort));
    }

    #[test]
    fn what_breaks_ends_it() {
        is(Happened::InputBroke, Then::Leave(Rest::SoonOrCutShort));
        is(Happened::TheyBroke, Then::Leave(Rest::SoonOrCutShort));
        is(Happened::LineBroke, Then::Leave(Rest::Unheard));
    }

    #[test]
    fn a_refused_send_waits_for_what_still_arrives() {
        is(Happened::SendRefused, Then::Remember);
    }

    #[test]
    fn end_is_said_where_nothing_of_the_input_is_missing() {
        let by = Instant::now();
        for stdin in EVERY_STDIN {
            assert!(InputEnd::Found.is_whole(stdin));
            assert!(!InputEnd::CutShort.is_whole(stdin));
            for open in [InputEnd::Open, InputEnd::Expected { by }] {
                assert_eq!(open.is_whole(stdin), stdin != Stdin::Pipe);
            }
        }
    }

    #[test]
    fn our_half_closes_once_and_says_end_at_most_once() {
        let (to_friend, orders) = outbox::open(Role::SocketWriter, None);
        let mut ours = Ours::Open(to_friend);
        ours.close(true);
        ours.close(true);
        assert!(!ours.is_open() && ours.said_end() && !ours.is_closed());
        let sent: Vec<_> = orders.rest().map(|order| order.bytes().to_vec()).collect();
        assert_eq!(sent, [END_FRAME]);
        ours.set_closed(7, None);
        assert!(ours.said_end());
        assert_eq!(ours.unsent(), Some(7));
    }

    #[test]
    fn a_socket_writer_that_fails_closes_our_half_without_end() {
        let (to_friend, _orders) = outbox::open(Role::SocketWriter, None);
        let mut ours = Ours::Open(to_friend);
        ours.set_closed(3, None);
        ours.close(true);
        assert!(!ours.is_open() && !ours.said_end());
    }

    #[test]
    fn who_has_said_end_has_ended_however_the_stream_breaks_then() {
        let mut theirs = Theirs::SaidEnd;
        theirs.set_closed(false);
        assert_eq!(theirs, Theirs::Closed { whole: true, end: true });
        let mut theirs = Theirs::Open;
        theirs.set_closed(false);
        assert!(!theirs.have_ended() && theirs.is_closed());
    }
}

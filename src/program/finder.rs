//! The thread that finds friends: the acceptor where we listen, the connector where we call.

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::net::acceptor::Acceptor;
use crate::net::connection::LineSettings;
use crate::net::connector::Connector;
use crate::net::place::Place;
use crate::net::requests::Requests;
use crate::program::cli::Meet;
use crate::program::streams::Streams;
use crate::roles::Role;
use crate::room::announcement;
use crate::talk::plan::Stdin;
use crate::text::audience::Audience;
use crate::threads::inbox::ToInbox;
use crate::threads::thread::Thread;
use crate::wire::messages::{END_FRAME, Wire};

/// Which thread that is.
pub fn role(meet: &Meet) -> Role {
    match meet {
        Meet::Listen(_) => Role::Acceptor,
        Meet::Connect(_) => Role::Connector,
    }
}

/// Starts it. `asked`: one message per friend wanted.
///
/// # Errors
/// The system has no thread left.
pub fn start(
    meet: &Meet,
    place: Place,
    streams: &Streams,
    asked: Receiver<()>,
    inbox: ToInbox,
) -> Result<Thread, Error> {
    let common = meet.common();
    let (family, wire) = (common.family(), common.wire);
    let detect_stalls = streams.stdin == Stdin::Terminal || meet.room().is_some();
    let requests = Requests::new(asked, inbox, line_settings(meet, streams), detect_stalls);
    match meet {
        Meet::Listen(_) => {
            let acceptor = Acceptor {
                place,
                family,
                hints: streams.hints,
                options: common.options.clone(),
                refusal: Box::new(move |error| refusal(wire, error)),
                requests,
            };
            let room = meet.room().is_some();
            Thread::start(Role::Acceptor, move || match room {
                true => acceptor.run_for_room(),
                false => acceptor.run(),
            })
        }
        Meet::Connect(connect) => {
            let (timeout, wait) = (connect.timeout, meet.wait().flatten());
            let connector = Connector { place, family, timeout, wait, requests };
            Thread::start(Role::Connector, move || connector.run())
        }
    }
}

fn line_settings(meet: &Meet, streams: &Streams) -> LineSettings {
    let audience = match meet {
        Meet::Listen(_) if meet.room().is_some() => Audience::Host,
        _ if !streams.for_a_person => Audience::Pipe,
        Meet::Listen(_) => Audience::Person,
        Meet::Connect(_) => Audience::Caller,
    };
    let common = meet.common();
    LineSettings { wire: common.wire, audience, recv_buffer: common.recv_buffer as usize }
}

/// What a caller is told whom a room cannot take, and that this was all: the bytes to send.
fn refusal(wire: Wire, error: &Error) -> Vec<u8> {
    let why = format_args!("this room cannot take you now: {}", error.to_a_caller());
    let mut bytes = announcement::refusal(wire, why);
    if wire == Wire::Frames {
        bytes.extend_from_slice(END_FRAME);
    }
    bytes
}

//! What the two verbs ask for, from their words: where to listen or whom to call, and what of it goes
//! together.

use std::io::IsTerminal;
use std::time::Duration;

use crate::net::place::Place;
use crate::program::address::{calling_place, listening_place};
use crate::program::cli::{Common, Connect, Listen, Meet, usage_error};
use crate::text::name::Name;

impl Meet {
    /// The verb and the place, as they might have been typed.
    pub fn in_words(&self, place: &Place) -> String {
        let (verb, more) = match self {
            Meet::Listen(Listen { room: true, .. }) => ("listen", " --room"),
            Meet::Listen(_) => ("listen", ""),
            Meet::Connect(_) => ("connect", ""),
        };
        match &place.host {
            Some(_) => format!("{verb} {place}{more}"),
            None => format!("{verb} {}{more}", place.port),
        }
    }

    /// Whether to go on after the first conversation.
    pub fn keep(&self) -> bool {
        matches!(self, Meet::Listen(Listen { keep: true, .. }))
    }

    /// Whether to host a room, and for how many members at most.
    pub fn room(&self) -> Option<usize> {
        match self {
            Meet::Listen(Listen { room: true, max_members, .. }) => Some(*max_members as usize),
            _ => None,
        }
    }

    /// Whether to call again, and for how long at most.
    pub fn wait(&self) -> Option<Option<Duration>> {
        match self {
            Meet::Listen(_) => None,
            Meet::Connect(connect) => connect.wait,
        }
    }

    /// Where to listen, or whom to call.
    ///
    /// # Errors
    /// A usage error.
    pub fn place(&self) -> Result<Place, clap::Error> {
        let place = match self {
            Meet::Listen(Listen { place, port, .. }) => {
                listening_place(place.as_deref(), port.as_deref())
            }
            Meet::Connect(Connect { place, port, .. }) => calling_place(place, port.as_deref()),
        };
        place.map_err(|why| usage_error(self.verb(), &why))
    }

    fn verb(&self) -> &'static str {
        match self {
            Meet::Listen(_) => "listen",
            Meet::Connect(_) => "connect",
        }
    }

    /// Checks what no single option can know.
    ///
    /// # Errors
    /// A usage error.
    pub fn check(&self) -> Result<(), clap::Error> {
        if self.keep() && !self.common().recv_only && !std::io::stdin().is_terminal() {
            let why = "--keep needs a terminal as stdin, or --recv-only: \
                       piped input could only go to the first friend";
            return Err(usage_error("listen", why));
        }
        if let Some(name) = &self.common().name
            && self.room().is_some()
            && name.is_taken_in_room()
            && *name != Name::host()
        {
            return Err(usage_error("listen", &format!("nobody can be called {name} in a room")));
        }
        let Common { trace, transcript, .. } = self.common();
        if trace.is_some() && trace == transcript {
            let why =
                "--trace and --transcript cannot have the same file: one would overwrite the other";
            return Err(usage_error(self.verb(), why));
        }
        Ok(())
    }
}

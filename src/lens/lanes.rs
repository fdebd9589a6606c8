//! In which order the threads are shown, and in which colours.

use crate::roles::Role;

/// How long the longest name of a thread is that is shown.
pub const NAME_MAX: usize = 13;

/// How many threads are shown: those of the same role count as one.
pub const COUNT: usize = THREADS.len();

/// The threads, as the account and a trace have them, and the colours of their names: numbers of
/// ECMA-48's "select graphic rendition", none of which is red or the colour of plain text.
const THREADS: [(Role, u8); 12] = [
    (Role::StdinReader, 36),
    (Role::SocketReader, 32),
    (Role::Coordinator, 33),
    (Role::SocketWriter, 92),
    (Role::ScreenWriter, 96),
    (Role::NoticeWriter, 94),
    (Role::Transcript, 94),
    (Role::Acceptor, 35),
    (Role::Connector, 35),
    (Role::Resolver, 35),
    (Role::Main, 95),
    (Role::TraceWriter, 94),
];

/// Which of the threads it is that has this role; one that is not shown comes after all of them.
pub fn place_of(who: Role) -> usize {
    THREADS.iter().position(|(known, _)| *known == who).unwrap_or(COUNT)
}

/// The colour of its name, where it is shown.
pub fn colour_of(who: Role) -> Option<u8> {
    THREADS.get(place_of(who)).map(|(_, colour)| *colour)
}

/// All of them, in their order.
pub fn threads() -> impl Iterator<Item = Role> {
    THREADS.iter().map(|(role, _)| *role)
}

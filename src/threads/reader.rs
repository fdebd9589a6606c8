//! One function for every byte source: from `impl Read` to events.
//!
//! Stdin and the friend's socket are read by the same loop. It decides nothing: it reads, lets a
//! [`Codec`] find the messages, and hands them to the coordinator. It waits in two places only: for
//! bytes, and for an empty buffer. The second is what slows down a sender that is too fast.

use std::io::{self, Cursor, Read};

use crate::roles::Source;
use crate::threads::buffer::{Block, Pool};
use crate::threads::event::{Event, News, ReadError};
use crate::threads::inbox::ToInbox;
use crate::wire::codec::Codec;
use crate::wire::fault::Fault;
use crate::wire::sniffer::{Opening, Sniffer, Verdict};
use crate::wire::step::{Foreign, Oddity, Step};

/// What a reader needs, besides what it reads from and its buffers.
#[derive(Debug)]
pub struct Reader {
    /// What is read: the coordinator is told with each report.
    pub source: Source,
    /// How bytes become messages. `None`: they are passed on as they come.
    pub codec: Option<Codec>,
    /// Notices a friend who speaks the other wire, or is a browser.
    pub sniffer: Option<Sniffer>,
    /// How many bytes to ask for in one `read`, if there is a codec. Without one it is as many as fit
    /// into a buffer of the pool.
    pub at_a_time: usize,
    /// Where the reports go.
    pub inbox: ToInbox,
}

impl Reader {
    /// Reads `from` to its end, and tells the coordinator all of it, last of all how it ended.
    pub fn run(mut self, mut from: impl Read, pool: &Pool) {
        let end = match self.codec.take() {
            None => self.pass_through(&mut from, pool),
            Some(codec) => self.assemble(&mut from, pool, codec),
        };
        let end = match end {
            Ok(()) | Err(Stop::Told) => Ok(()),
            Err(Stop::Read(error)) => Err(error),
            // If the coordinator has gone, that is no fault: the program is ending.
            Err(Stop::NobodyListens) => return,
        };
        let _ = self.tell(News::Ended(end));
    }

    /// The same for a caller of a room. A web page can make a browser call us, and chooses much of what
    /// the browser then sends. So nothing is decoded before it is known that the caller is no browser;
    /// and nothing that a browser sends is decoded at all.
    pub fn run_unless_foreign(self, opening: Opening, mut from: impl Read, pool: &Pool) {
        match self.first_message(opening, &mut from) {
            Ok(first) => self.run(Cursor::new(first).chain(from), pool),
            Err(foreign) => {
                let told = self.tell(News::Oddity(Oddity::Foreign(foreign)));
                let _ = told.and_then(|()| self.tell(News::Ended(Ok(()))));
            }
        }
    }

    /// Reads until it is known that the caller is no browser; returns what has come by then.
    fn first_message(
        &self,
        mut opening: Opening,
        from: &mut impl Read,
    ) -> Result<Vec<u8>, Foreign> {
        let mut scratch = vec![0; self.at_a_time];
        let mut first = Vec::new();
        loop {
            // An error counts as an end here: `run` reads again, and meets either once more.
            let count = read(from, &mut scratch).unwrap_or(0);
            let arrived = &scratch[..count];
            first.extend_from_slice(arrived);
            match if arrived.is_empty() { opening.end() } else { opening.look(arrived) } {
                Verdict::Unknown => {}
                Verdict::Chat => return Ok(first),
                Verdict::Foreign(foreign) => return Err(foreign),
            }
        }
    }

    /// Without a codec: each `read` fills a buffer, which is passed on as it is. Nothing is copied.
    fn pass_through(&mut self, from: &mut impl Read, pool: &Pool) -> Result<(), Stop> {
        loop {
            let mut block = pool.take().ok_or(Stop::Told)?;
            let count = read(from, block.space())?;
            if count == 0 {
                return Ok(());
            }
            block.fill(count);
            block.stamp();
            self.sniff(block.bytes())?;
            self.tell(News::Block(block))?;
        }
    }

    /// With a codec: reads into a scratch buffer, and passes on the whole messages in it.
    fn assemble(
        &mut self,
        from: &mut impl Read,
        pool: &Pool,
        mut codec: Codec,
    ) -> Result<(), Stop> {
        let mut scratch = vec![0; self.at_a_time];
        loop {
            // Told to stop? This is the time: all that was read has been handed over.
            let came = match pool.is_stopped() {
                true => Err(Stop::Told),
                false => read(from, &mut scratch).map_err(Stop::from),
            };
            let end = match came {
                Ok(0) => Ok(()),
                Ok(count) => {
                    let mut arrived = &scratch[..count];
                    self.sniff(arrived)?;
                    match self.pass_on(pool, |block| codec.decode(&mut arrived, block))? {
                        Step::Ended => return Ok(()),
                        _ => continue,
                    }
                }
                Err(stop) if self.drops_partial(&stop) => return Err(stop),
                Err(stop) => Err(stop),
            };
            return match self.pass_on(pool, |block| codec.finish(block)) {
                Ok(Step::Ended) => Ok(()),
                Ok(_) => end,
                // If the connection broke inside a frame, the broken connection is the reason to give.
                Err(Stop::Read(ReadError::Rule(_))) if end.is_err() && self.is_friend() => end,
                Err(stop) => Err(stop),
            };
        }
    }

    /// Whether a message that has come only in part is dropped. It is not if it is a friend's: it was
    /// said, even though the connection then broke. Nor if we were woken from reading the keyboard
    /// (`Permits::stop`): that is done to learn what is half typed.
    fn drops_partial(&self, stop: &Stop) -> bool {
        let broke = |why: &io::Error| !self.is_friend() && why.kind() != io::ErrorKind::WouldBlock;
        matches!(stop, Stop::Read(ReadError::Io(why)) if broke(why))
    }

    fn is_friend(&self) -> bool {
        matches!(self.source, Source::Friend(_))
    }

    /// Passes on what comes out of the codec, until it has used up what it was given, or says that
    /// this was the end.
    fn pass_on(
        &self,
        pool: &Pool,
        mut decode: impl FnMut(&mut Block) -> Result<Step, Fault>,
    ) -> Result<Step, Stop> {
        loop {
            let mut block = pool.take_even_if_stopped();
            let step = decode(&mut block);
            // Whole messages are passed on at once, not when the block is full; and before the step
            // that came after them.
            let spare = if block.is_empty() {
                Some(block)
            } else {
                block.stamp();
                self.tell(News::Block(block))?;
                None
            };
            match step.map_err(|fault| Stop::Read(ReadError::Rule(fault)))? {
                last @ (Step::Drained | Step::Ended) => return Ok(last),
                Step::Full => {}
                Step::Goodbye => self.tell(News::Goodbye)?,
                Step::Oddity(oddity) => self.tell(News::Oddity(oddity))?,
                Step::Command(line) => self.tell(News::Command(line))?,
                // It takes a buffer along: otherwise a friend who asks without end would fill the
                // memory.
                Step::Request(request) => {
                    let paid = spare.unwrap_or_else(|| pool.take_even_if_stopped());
                    self.tell(News::Request(request, paid))?;
                }
            }
        }
    }

    fn sniff(&mut self, arrived: &[u8]) -> Result<(), Stop> {
        match self.sniffer.as_mut().and_then(|sniffer| sniffer.look(arrived)) {
            Some(oddity) => self.tell(News::Oddity(oddity)),
            None => Ok(()),
        }
    }

    fn tell(&self, news: News) -> Result<(), Stop> {
        match self.inbox.send(Event::Read(self.source, news)) {
            true => Ok(()),
            false => Err(Stop::NobodyListens),
        }
    }
}

/// Why a reader stops before the end of its input.
enum Stop {
    Read(ReadError),
    /// The reader was told to stop.
    Told,
    /// The coordinator has ended.
    NobodyListens,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Read(ReadError::Io(error))
    }
}

/// One `read`, begun again if a signal interrupts it.
fn read(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

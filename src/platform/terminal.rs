//! The terminal that stdin is, and its modes: as they were when it was first ours, and as the line editor
//! wants them.

use std::sync::{Arc, OnceLock};

use rustix::stdio;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty,
    tcflush, tcgetattr, tcsetattr,
};

use crate::platform::jobs::ours;
use crate::platform::stdin::read_typed;
use crate::platform::window::{is_same_terminal, knows_escapes};

/// The terminal that stdin is.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// The modes that it had when it was first ours. (While we are in the background it can be in
    /// those that a shell has for itself.)
    modes: Arc<OnceLock<Termios>>,
}

impl Terminal {
    /// Notes the modes, where it is ours; `None` where stdin is no terminal.
    pub fn save() -> Option<Terminal> {
        if Terminal::is_gone() {
            return None;
        }
        let terminal = Terminal { modes: Arc::default() };
        terminal.modes();
        Some(terminal)
    }

    /// The modes to give it back with; `None` where it has not been ours yet.
    fn modes(&self) -> Option<&Termios> {
        if let (None, Some(stdin)) = (self.modes.get(), ours())
            && let Ok(modes) = tcgetattr(stdin)
        {
            let _ = self.modes.set(modes);
        }
        self.modes.get()
    }

    /// Gives it other modes than it had when it was first ours, if it is ours now.
    fn change(&self, how: impl FnOnce(&mut Termios)) {
        if let (Some(stdin), Some(modes)) = (ours(), self.modes()) {
            let mut modes = modes.clone();
            how(&mut modes);
            // Now, not after the output has drained: output stopped with Ctrl-S never drains.
            // A terminal that has gone is noticed by reading from it.
            let _ = tcsetattr(stdin, OptionalActions::Now, &modes);
        }
    }

    /// Whether keys can be read one by one, and a row be drawn: stdout has to be the same
    /// terminal, and one that can move its cursor.
    pub fn can_edit(&self) -> bool {
        knows_escapes() && is_same_terminal(stdio::stdin(), stdio::stdout())
    }

    /// From now on each key is handed over as it is pressed, Ctrl-C too, and nothing is echoed.
    /// Ctrl-S and Ctrl-Q still stop what is shown, unless they are wanted as keys, too.
    pub fn take_keys(&self, ctrl_s: bool) {
        self.change(|modes| {
            if ctrl_s {
                modes.input_modes -= InputModes::IXON;
            }
            modes.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR;
            modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL;
            modes.local_modes -= LocalModes::ISIG | LocalModes::IEXTEN; // Ctrl-C, Ctrl-V and the like.
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        });
    }

    /// Gives the terminal its own modes back, for the time being: what was typed stays.
    pub fn rest(&self) {
        self.change(|_| {});
    }

    /// Gives the terminal back as it was, without what was typed and not read: the shell
    /// would run it.
    pub fn give_back(&self) {
        if let Some(stdin) = ours() {
            let _ = tcflush(stdin, QueueSelector::IFlush);
        }
        self.rest();
    }

    /// Whether stdin is no terminal any more: its window was closed.
    pub fn is_gone() -> bool {
        !isatty(stdio::stdin())
    }

    /// What was typed and nobody has read, once nobody reads any more. Call [`Terminal::give_back`]
    /// soon after it.
    pub fn unread(&self) -> Vec<u8> {
        // A terminal that does not wait for Enter hands out half a line too, and one that waits for
        // no key at all does not block.
        self.change(|modes| {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            modes.special_codes[SpecialCodeIndex::VMIN] = 0;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        });
        let mut typed = vec![0; 4096]; // As much as a terminal keeps.
        let count = ours().and_then(|_| read_typed(&mut typed).ok().flatten()).unwrap_or(0);
        typed.truncate(count);
        typed.retain(|&byte| byte != 0); // What the terminal keeps in place of a Ctrl-D.
        typed
    }
}

/// Lets output go on that Ctrl-S has stopped, as a terminal does itself where Ctrl-C or Ctrl-Z is
/// a signal: what is still to be said is to be seen.
pub fn let_output_go_on() {
    if let Some(stdin) = ours()
        && let Ok(mut modes) = tcgetattr(stdin)
    {
        let before = modes.clone();
        modes.input_modes -= InputModes::IXON;
        let _ = tcsetattr(stdin, OptionalActions::Now, &modes);
        let _ = tcsetattr(stdin, OptionalActions::Now, &before);
    }
}

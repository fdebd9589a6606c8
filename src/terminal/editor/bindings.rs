//! The table of keys, as Emacs, readline and every shell have them.

use termina::Event as Input;
use termina::event::{KeyCode, KeyEvent, Modifiers};

use crate::terminal::editor::line::Case;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// To leave.
    Interrupt,
    /// To stop the program, for the shell.
    Suspend,
    /// An empty screen, but for the row.
    Redraw,
    /// That the line is sent.
    Submit,
    /// The next key, with which this one is pressed together.
    CtrlX,
    /// The next character as it is.
    Verbatim,
    /// This character.
    Type(char),
    /// One row up; from the first one, the line that was typed before this one.
    Up,
    /// The same downwards.
    Down,
    /// The rest of the word, a command or a name.
    Complete,
    /// The line that was typed before this one.
    Older,
    /// The line that was typed after this one.
    Newer,
    /// The first line that was typed.
    Oldest,
    /// What is being typed.
    Newest,
    /// A search among all lines, towards these.
    Search(Way),
    /// That the cursor moves.
    Go(To),
    /// That what is between the cursor and this place is deleted.
    Delete(To),
    /// The next character deleted, or that this was all.
    DeleteOrEnd,
    /// The same as [`Action::Delete`], but it can be brought back.
    Cut(To),
    /// What was cut out last.
    BringBack,
    /// What was cut out before that, in its place.
    BringBackOlder,
    /// That the last step is taken back.
    Undo,
    /// That two characters change places.
    SwapCharacters,
    /// That two words do.
    SwapWords,
    /// Another case, up to the end of the word.
    Change(Case),
}

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Before the character before the cursor.
    Previous,
    /// Behind the one after it.
    Next,
    /// The beginning of the word.
    StartOfWord,
    /// Its end.
    EndOfWord,
    /// The beginning of what stands between spaces.
    StartBetweenSpaces,
    /// The beginning of the line.
    Start,
    /// Its end.
    End,
}

/// Towards which lines is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Those that were typed before.
    Older,
    /// Those that were typed after.
    Newer,
}

/// What this key asks for.
pub fn action(key: KeyEvent) -> Action {
    use Action::*;
    let held = Held::of(key.modifiers);
    match (key.code, held) {
        (KeyCode::Char(character), Held::Control) => with_control(character),
        (KeyCode::Char(character), Held::Alt) => with_alt(character),
        (KeyCode::Char(character), Held::Nothing) => Type(character),
        (KeyCode::Tab, Held::Nothing) => Complete,
        (KeyCode::Enter, _) => Submit,

        (KeyCode::Up, _) => Up,
        (KeyCode::Down, _) => Down,
        (KeyCode::Left, Held::Nothing) => Go(To::Previous),
        (KeyCode::Right, Held::Nothing) => Go(To::Next),
        (KeyCode::Left, _) => Go(To::StartOfWord),
        (KeyCode::Right, _) => Go(To::EndOfWord),
        (KeyCode::Home, _) => Go(To::Start),
        (KeyCode::End, _) => Go(To::End),

        (KeyCode::Backspace, Held::Alt) => Cut(To::StartOfWord),
        (KeyCode::Backspace, _) => Delete(To::Previous),
        (KeyCode::Delete, Held::Control) => Cut(To::EndOfWord),
        (KeyCode::Delete, _) => Delete(To::Next),
        _ => Nothing,
    }
}

fn with_control(character: char) -> Action {
    use Action::*;
    match character {
        'c' => Interrupt,
        'z' => Suspend,
        'l' => Redraw,
        'j' => Submit,
        'x' => CtrlX,
        'v' => Verbatim,
        // As the library calls Ctrl-_, which is also Ctrl-/ in many terminals.
        '7' => Undo,

        'p' => Older,
        'n' => Newer,
        'r' => Search(Way::Older),
        's' => Search(Way::Newer),
        'b' => Go(To::Previous),
        'f' => Go(To::Next),
        'a' => Go(To::Start),
        'e' => Go(To::End),

        'h' => Delete(To::Previous),
        'd' => DeleteOrEnd,
        'w' => Cut(To::StartBetweenSpaces),
        'u' => Cut(To::Start),
        'k' => Cut(To::End),
        'y' => BringBack,
        't' => SwapCharacters,
        _ => Nothing,
    }
}

fn with_alt(character: char) -> Action {
    use Action::*;
    match character.to_ascii_lowercase() {
        '<' => Oldest,
        '>' => Newest,
        'b' => Go(To::StartOfWord),
        'f' => Go(To::EndOfWord),
        'd' => Cut(To::EndOfWord),
        'y' => BringBackOlder,
        't' => SwapWords,
        'u' => Change(Case::Upper),
        'l' => Change(Case::Lower),
        'c' => Change(Case::Capital),
        _ => Nothing,
    }
}

/// What this key asks for behind Ctrl-X.
pub fn action_behind_ctrl_x(key: KeyEvent) -> Action {
    match (key.code, Held::of(key.modifiers)) {
        (KeyCode::Char('u'), Held::Control) => Action::Undo,
        (KeyCode::Char('c'), Held::Control) => Action::Interrupt,
        _ => Action::Nothing,
    }
}

/// What this key asks for behind Ctrl-V: its character, where it has one. Ctrl-C is always heard.
pub fn action_behind_ctrl_v(key: KeyEvent) -> Action {
    let character = match (key.code, Held::of(key.modifiers)) {
        (KeyCode::Char('c'), Held::Control) => return Action::Interrupt,
        (KeyCode::Char(' '), Held::Control) => '\0',
        (KeyCode::Char(letter @ 'a'..='z'), Held::Control) => char::from(letter as u8 - b'a' + 1),
        // As the library calls them.
        (KeyCode::Char(number @ '4'..='7'), Held::Control) => {
            char::from(number as u8 - b'4' + 0x1c)
        }
        (KeyCode::Char(character), Held::Nothing) => character,
        (KeyCode::Enter, Held::Nothing) => '\r',
        (KeyCode::Tab, Held::Nothing) => '\t',
        (KeyCode::Backspace, Held::Nothing) => '\x7f',
        _ => return Action::Nothing,
    };
    Action::Type(character)
}

/// What a key means to a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// It goes on.
    GoesOn(Step),
    /// It has been for nothing: the row is as it was.
    GivesUp,
    /// It ends with what was found; then the key means what it always does.
    Ends,
}

/// How a search goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This belongs to the text that is looked for.
    Type(String),
    /// The last character does not.
    Backspace,
    /// The next line that has it.
    Again(Way),
}

/// What a key, or what is pasted, means to a search.
pub fn search_key(input: &Input) -> SearchKey {
    let key = match input {
        Input::Paste(text) if text.contains(['\r', '\n']) => return SearchKey::Ends,
        Input::Paste(text) => return SearchKey::GoesOn(Step::Type(text.clone())),
        Input::Key(key) => key,
        _ => return SearchKey::Ends,
    };
    SearchKey::GoesOn(match (key.code, Held::of(key.modifiers)) {
        (KeyCode::Char(character), Held::Nothing) => Step::Type(character.to_string()),
        (KeyCode::Backspace, Held::Nothing) | (KeyCode::Char('h'), Held::Control) => {
            Step::Backspace
        }
        (KeyCode::Char('r'), Held::Control) => Step::Again(Way::Older),
        (KeyCode::Char('s'), Held::Control) => Step::Again(Way::Newer),
        // Whoever leaves has not taken the line that was found.
        (KeyCode::Char('g' | 'c'), Held::Control) => return SearchKey::GivesUp,
        _ => return SearchKey::Ends,
    })
}

/// The key that is held together with another. Shift is in the character itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Control,
    Alt,
    Other,
}

impl Held {
    fn of(modifiers: Modifiers) -> Held {
        let held = modifiers - Modifiers::SHIFT - Modifiers::CAPS_LOCK - Modifiers::NUM_LOCK;
        match held {
            Modifiers::NONE => Held::Nothing,
            Modifiers::CONTROL => Held::Control,
            Modifiers::ALT | Modifiers::META => Held::Alt,
            _ => Held::Other,
        }
    }
}

//! What a terminal of somebody else's making, the crate `vt100`, is made to do besides showing
//! characters and moving its cursor.

/// Everything that it did, in words, but for what the program itself may tell it: not to break rows,
/// and to do so again, in turn. (So one from a friend would be noticed: it would not be its turn.)
#[derive(Default)]
pub struct Obeyed(pub Vec<String>, NoWrapping);

/// Whether it was told not to break rows.
#[derive(Default)]
struct NoWrapping(bool);

impl Obeyed {
    fn note(&mut self, what: &str) {
        self.0.push(what.to_owned());
    }
}

impl vt100::Callbacks for Obeyed {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.note("bell");
    }
    fn visual_bell(&mut self, _: &mut vt100::Screen) {
        self.note("visual bell");
    }
    fn resize(&mut self, _: &mut vt100::Screen, _: (u16, u16)) {
        self.note("resize");
    }
    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.note("icon name");
    }
    fn set_window_title(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.note("title");
    }
    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], _: &[u8]) {
        self.note("to clipboard");
    }
    fn paste_from_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.note("from clipboard");
    }
    fn unhandled_control(&mut self, _: &mut vt100::Screen, control: u8) {
        self.note(&format!("control {control}"));
    }
    fn unhandled_escape(&mut self, _: &mut vt100::Screen, _: Option<u8>, _: Option<u8>, _: u8) {
        self.note("escape");
    }
    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        numbers: &[&[u16]],
        last: char,
    ) {
        let turn = if self.1.0 { 'h' } else { 'l' };
        if (first, second, numbers, last) == (Some(b'?'), None, &[&[7]], turn) {
            self.1.0 = !self.1.0;
        } else {
            self.note("control sequence");
        }
    }
    fn unhandled_osc(&mut self, _: &mut vt100::Screen, _: &[&[u8]]) {
        self.note("system command");
    }
}

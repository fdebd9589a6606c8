//! A real browser without a window: Chromium, by way of `chromedriver` and the WebDriver protocol
//! (<https://www.w3.org/TR/webdriver2/>), which is JSON over HTTP on loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DEADLINE, Output, have_tool, until};

/// A browser with one page. All of its processes end with it, also in a test that fails.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with a window of this size; `None` where there is none on this machine.
    #[track_caller]
    pub fn start(width: u32, height: u32) -> Option<Browser> {
        if !have_tool("chromium") || !have_tool("chromedriver") {
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let said = Output::collect(driver.stdout.take().expect("it is a pipe"));
        // From here on the driver is ended whatever happens.
        let mut browser = Browser { driver, port: 0, session: String::new(), _profile: profile };
        let port = said.wait_until(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let (_, rest) = text.split_once("successfully on port ")?;
            rest.split_once('.')?.0.parse().ok()
        });
        browser.port = port.unwrap_or_else(|| panic!("chromedriver: {}", said.text()));
        let folder = browser._profile.path().display().to_string();
        let answer = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                    "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                    format!("--user-data-dir={folder}"),
                    format!("--window-size={width},{height}"),
                ]},
            }}}),
        );
        let id = answer["sessionId"].as_str();
        browser.session = id.unwrap_or_else(|| panic!("no session: {answer}")).to_owned();
        Some(browser)
    }

    /// Opens a file and waits until the page says that it is ready.
    #[track_caller]
    pub fn open(&self, file: &Path) {
        self.command("/url", &json!({"url": format!("file://{}", file.display())}));
        until("the page is ready", || (self.state("ready") == "true").then_some(()));
    }

    /// Runs a function's body in the page, and gives back what it returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// How many elements match.
    #[track_caller]
    pub fn count(&self, selector: &str) -> u64 {
        let count = self.run(&format!("return document.querySelectorAll({selector:?}).length"));
        count.as_u64().expect("a number")
    }

    /// The text of the first element that matches.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let text = self.run(&format!("return document.querySelector({selector:?}).textContent"));
        text.as_str().expect("a text").to_owned()
    }

    /// What the page says of itself, in `data-NAME` of its body.
    #[track_caller]
    pub fn state(&self, name: &str) -> String {
        let value = self.run(&format!("return document.body.getAttribute('data-{name}') || ''"));
        value.as_str().expect("a text").to_owned()
    }

    /// Waits until the page says this of itself.
    #[track_caller]
    pub fn until_state(&self, name: &str, expected: &str) {
        until(&format!("data-{name} is {expected}"), || {
            (self.state(name) == expected).then_some(())
        });
    }

    /// Presses the mouse button on the first element that matches, as a person would.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let found = self.command("/element", &json!({"using": "css selector", "value": selector}));
        let id = found.as_object().and_then(|found| found.values().next()?.as_str());
        let id = id.unwrap_or_else(|| panic!("{selector}: {found}"));
        self.command(&format!("/element/{id}/click"), &json!({}));
    }

    /// Presses a key; the special ones have numbers in the standard's table.
    #[track_caller]
    pub fn key(&self, key: &str) {
        let actions =
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        self.command(
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
        );
    }

    /// Turns the wheel over the middle of the first element that matches; down is positive.
    #[track_caller]
    pub fn wheel(&self, selector: &str, by: i32) {
        let found = self.command("/element", &json!({"using": "css selector", "value": selector}));
        let scroll = json!({"type": "scroll", "x": 0, "y": 0, "deltaX": 0, "deltaY": by,
            "duration": 0, "origin": found});
        self.command(
            "/actions",
            &json!({"actions": [{"type": "wheel", "id": "wheel", "actions": [scroll]}]}),
        );
    }

    /// Drags from a place in the window to another.
    #[track_caller]
    pub fn drag(&self, from: (i32, i32), to: (i32, i32)) {
        let actions = [
            json!({"type": "pointerMove", "duration": 0, "x": from.0, "y": from.1}),
            json!({"type": "pointerDown", "button": 0}),
            json!({"type": "pointerMove", "duration": 0, "x": to.0, "y": to.1}),
            json!({"type": "pointerUp", "button": 0}),
        ];
        self.command(
            "/actions",
            &json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]}),
        );
    }

    /// Everything that has come to the console since the last look.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let entries = self.command("/se/log", &json!({"type": "browser"}));
        entries.as_array().expect("a list").iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.request(method, path, body).unwrap_or_else(|why| panic!("{path}: {why}"));
        let value = answer["value"].clone();
        assert!(value.get("error").is_none(), "{method} {path} {body}: {value}");
        value
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let say = |why: &dyn ToString| why.to_string();
        let mut stream = TcpStream::connect(address).map_err(|why| say(&why))?;
        stream.set_read_timeout(Some(DEADLINE)).map_err(|why| say(&why))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(|why| say(&why))?;
        let mut answer = Vec::new();
        let mut scratch = [0; 1 << 16];
        loop {
            if let Some(body) = whole_body(&answer) {
                return serde_json::from_slice(body).map_err(|why| say(&why));
            }
            match stream.read(&mut scratch) {
                Ok(0) => return Err(format!("cut off: {}", String::from_utf8_lossy(&answer))),
                Ok(count) => answer.extend_from_slice(&scratch[..count]),
                // A receive with a time limit is not resumed after a signal or a stop (signal(7)).
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(say(&why)),
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The polite way; what it leaves is killed.
            let _ = self.request("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        for process in descendants(self.driver.id()) {
            if let Some(pid) = Pid::from_raw(process) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The body of an HTTP answer, once all of it is there.
fn whole_body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    answer.get(end..end + length.trim().parse::<usize>().ok()?)
}

/// The processes that this one has started, and those that they have.
fn descendants(of: u32) -> Vec<i32> {
    let mut parents = Vec::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parents.push((id, parent.and_then(|parent| parent.parse::<i32>().ok()).unwrap_or(0)));
    }
    let mut found = vec![i32::try_from(of).unwrap_or(0)];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

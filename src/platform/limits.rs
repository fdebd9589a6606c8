//! What the system lets us have: open files and memory.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// An open file that is of no use, and so can be closed when another is wanted.
///
/// # Errors
/// There is no file descriptor left.
pub fn file_left() -> io::Result<File> {
    File::open("/dev/null")
}

/// Whether the system, or its limit for us, has no room for another open file.
pub fn is_out_of_files(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE].iter().any(|out| code == Some(out.raw_os_error()))
}

/// Raises our limit of open files as far as we may; gives back how many that are, if there is a limit.
/// A thousand members have a thousand sockets, and a shell's usual limit is 1,024.
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    // macOS does not take more than 10,240 (OPEN_MAX), also where there is no limit.
    let most = limit.maximum.map_or(10_240, |maximum| maximum.min(10_240));
    for current in [limit.maximum, Some(most)] {
        let raised = Rlimit { current, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return current;
        }
    }
    limit.current
}

/// Whether our limit of memory (`ulimit -v`), if there is one, leaves room for so many bytes more.
pub fn has_memory_for(bytes: u64) -> bool {
    let Some(limit) = getrlimit(Resource::As).current else { return true };
    // Linux says what it counts. Elsewhere the limit limits little.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return true };
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    size.is_none_or(|kib| (kib * 1024).saturating_add(bytes) <= limit)
}

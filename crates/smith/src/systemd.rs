//! Telling systemd how the server stands: a line to the socket that it names. Where it names none, nobody is told.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// What systemd listens at.
#[derive(Debug)]
pub(crate) struct Systemd {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Systemd {
    /// The one that started this process, if it wants to be told.
    pub(crate) fn here() -> Option<Self> {
        Self::at(&std::env::var("NOTIFY_SOCKET").ok()?)
    }

    fn at(name: &str) -> Option<Self> {
        // A name that begins with @ is in no folder.
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok()?,
            None => SocketAddr::from_pathname(name).ok()?,
        };
        Some(Self { socket: UnixDatagram::unbound().ok()?, address })
    }

    /// A systemd that does not listen is the end of nothing.
    pub(crate) fn say(&self, state: &str) {
        let _ = self.socket.send_to_addr(state.as_bytes(), &self.address);
    }

    /// Asks for more time before it gives up on a start, which takes as long as there is something to read.
    pub(crate) fn ask_for_time(&self, time: Duration, status: &str) {
        self.say(&format!("EXTEND_TIMEOUT_USEC={}\nSTATUS={status}", time.as_micros()));
    }

    /// How often it wants to hear that all is well before it kills and starts again: half of the time that it waits.
    pub(crate) fn watchdog() -> Option<Duration> {
        let text = |name: &str| std::env::var(name).ok();
        watch(text("WATCHDOG_USEC")?.as_str(), text("WATCHDOG_PID").as_deref(), std::process::id())
    }
}

fn watch(micros: &str, pid: Option<&str>, own: u32) -> Option<Duration> {
    // Meant for another process that has handed its environment on.
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let micros: u64 = micros.parse().ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listens = UnixDatagram::bind(&path).unwrap();
        Systemd::at(path.to_str().unwrap()).unwrap().say("READY=1");
        let mut heard = [0; 32];
        let length = listens.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
        drop(listens);
        Systemd::at(path.to_str().unwrap()).unwrap().say("nobody listens, and nothing is wrong");
    }

    #[test]
    fn more_time_is_asked_for_in_microseconds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listens = UnixDatagram::bind(&path).unwrap();
        let systemd = Systemd::at(path.to_str().unwrap()).unwrap();
        systemd.ask_for_time(Duration::from_secs(60), "row 7 of 9");
        let mut heard = [0; 64];
        let length = listens.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"EXTEND_TIMEOUT_USEC=60000000\nSTATUS=row 7 of 9");
    }

    #[test]
    fn a_name_that_is_in_no_folder_is_found() {
        let name = format!("smith-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listens = UnixDatagram::bind_addr(&address).unwrap();
        Systemd::at(&format!("@{name}")).unwrap().say("STOPPING=1");
        let mut heard = [0; 32];
        assert_eq!(listens.recv(&mut heard).unwrap(), 10);
    }

    #[test]
    fn a_watchdog_is_fed_twice_in_its_time_and_only_by_whom_it_means() {
        assert_eq!(watch("120000000", None, 7), Some(Duration::from_secs(60)));
        assert_eq!(watch("120000000", Some("7"), 7), Some(Duration::from_secs(60)));
        assert_eq!(watch("120000000", Some("8"), 7), None);
        assert_eq!(watch("0", None, 7), None);
        assert_eq!(watch("soon", None, 7), None);
    }
}

//! What an operation of a test has told: its lines for the log.

use smith_agent::protocol::Body;

use super::Teller;

pub(crate) struct Told(pub(crate) Vec<String>);

impl Teller for Told {
    fn tell(&mut self, body: Body) {
        if let Body::Log { text } = body {
            self.0.push(text);
        }
    }
}

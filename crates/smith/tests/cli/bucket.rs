//! What a bucket holds, as people see it who have nothing but a client.

#[path = "../../../smith-repo/src/fixture/bucket.rs"]
mod service;

use std::path::Path;

pub(crate) use service::{Service, service};

impl Service {
    /// What it holds as plain files, as anybody would copy it.
    pub(crate) fn copy_to(&self, folder: &Path) {
        for key in self.keys() {
            let address = key.replace('%', "%25").replace('+', "%2B");
            let answer = self.bytes(&format!("GET /smith/{address}"), b"");
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{key}");
            let path = folder.join(&key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &answer[end + 4..]).unwrap();
        }
    }

    /// Every key that it has.
    pub(crate) fn keys(&self) -> Vec<String> {
        let answer = self.raw("GET /smith?list-type=2&max-keys=1000", b"");
        let keys = answer.split("<Key>").skip(1);
        keys.filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| key.to_owned()).collect()
    }
}

//! Events as a crash, or a disk that lies, may have left them.

use std::fs;
use std::io;
use std::path::Path;

use smith_agent::protocol::Body;

use crate::op::{Append, EVENTS, Events, try_lock};

/// The whole lines that are found, and whether the last of them ends the operation.
fn lines(folder: &Path) -> io::Result<(Vec<u8>, u64, bool)> {
    let mut events = Events::open(folder)?;
    let (mut kept, mut count) = (Vec::new(), 0);
    while let Some(head) = events.next()? {
        count += 1;
        assert_eq!(head.seq, count, "numbers have no gaps");
        assert!(events.line().ends_with(b"\n"));
        kept.extend_from_slice(events.line());
        if head.is_end {
            return Ok((kept, count, true));
        }
    }
    Ok((kept, count, false))
}

#[test]
fn events() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_owned();
    let held = try_lock(&folder.join("lock")).unwrap().unwrap();
    bolero::check!().for_each(move |input: &[u8]| {
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(EVENTS);
        fs::write(&path, input).unwrap();
        let (kept, count, is_ended) = lines(&folder).unwrap();
        assert!(input.starts_with(&kept));
        let mut append = Append::open(&folder, &held).unwrap();
        assert_eq!(append.is_ended(), is_ended);
        // What is not whole is cut off before anything is appended, and nothing else is.
        assert_eq!(fs::read(&path).unwrap(), kept);
        if !is_ended {
            append.say(Body::Log { text: "on".to_owned() }).unwrap();
            let (now, more, _) = lines(&folder).unwrap();
            assert!(now.starts_with(&kept) && more == count + 1);
        }
    });
}

//! A bucket of a service that speaks S3, made by others; without it tests say why they are skipped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ends with the test.
pub(crate) struct Service {
    process: Child,
    pub(crate) endpoint: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Finds or installs the server; a reason if neither works.
fn installed() -> Result<PathBuf, String> {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONCE.lock().unwrap();
    let target = Path::new(env!("CARGO_BIN_EXE_smith")).ancestors().nth(2).unwrap();
    let venv = target.join("moto/venv");
    let server = venv.join("bin/moto_server");
    if server.exists() {
        return Ok(server);
    }
    let run = |program: PathBuf, arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{}: {text}", program.display())) }
    };
    run("python3".into(), &["-m", "venv", &venv.to_string_lossy()])?;
    run(venv.join("bin/pip"), &["install", "--quiet", "--timeout", "10", "--retries", "1", "moto[server]"])?;
    Ok(server)
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn service() -> Option<Service> {
    let server = match installed() {
        Ok(server) => server,
        Err(why) => {
            println!("skipped: no S3 server on this machine: {why}");
            return None;
        }
    };
    let mut process = Command::new(server)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let endpoint = lines.by_ref().map_while(Result::ok).find_map(|line| {
        line.split_whitespace()
            .find(|word| word.starts_with("http://"))
            .map(|word| word.trim_end_matches('/').to_owned())
    });
    // What it says of each request has to go somewhere.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let service = Service { process, endpoint: endpoint.unwrap() };
    assert!(service.raw("PUT /smith", b"").starts_with("HTTP/1.1 200"));
    // Everybody may read it, as clients of a mirror must, and here also write.
    let policy = br#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
        "Action": "s3:*", "Resource": "arn:aws:s3:::smith/*"}]}"#;
    assert!(service.raw("PUT /smith?policy", policy).starts_with("HTTP/1.1 20"));
    Some(service)
}

impl Service {
    /// A request that is not signed, which this server takes.
    pub(crate) fn raw(&self, what: &str, body: &[u8]) -> String {
        String::from_utf8_lossy(&self.bytes(what, body)).into_owned()
    }

    fn bytes(&self, what: &str, body: &[u8]) -> Vec<u8> {
        let address = self.endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

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

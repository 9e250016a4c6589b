//! A place where the server listens: a unix socket, or an address that only this computer reaches.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Its owner and its group may come in; who may do what is asked at the door.
const SOCKET_MODE: u32 = 0o660;

/// From where a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A process of this computer that runs under this user.
    Unix { uid: u32 },
    /// Somebody at this address.
    Tcp { from: SocketAddr },
}

#[derive(Debug)]
pub enum Door {
    Unix(UnixDoor),
    Tcp(TcpListener),
}

/// A unix socket; its file goes when it is shut.
#[derive(Debug)]
pub struct UnixDoor {
    listener: UnixListener,
    path: PathBuf,
    /// Which file it is: another server may have put its own in its place.
    inode: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("expected {path} to be free or left behind by a server that ended, found one that answers", path = path.display())]
    Alive { path: PathBuf },
    #[error("expected {path} to be free or a socket, found another file", path = path.display())]
    NotASocket { path: PathBuf },
    #[error("expected an address of this computer alone, such as 127.0.0.1:{}, found {address}", address.port())]
    NotLoopback { address: SocketAddr },
    #[error("cannot listen at {place}")]
    Listen { place: String, source: io::Error },
}

impl DoorError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Alive { .. } => "S0434",
            Self::NotASocket { .. } => "S0435",
            Self::NotLoopback { .. } => "S0436",
            Self::Listen { .. } => "S0437",
        }
    }

    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Alive { .. } => {
                Some("one data directory has one server; `smith status` asks the one that runs")
            }
            Self::NotLoopback { .. } => {
                Some("without TLS tokens could be read on the way; a proxy on this computer can add it")
            }
            Self::NotASocket { .. } | Self::Listen { .. } => None,
        }
    }
}

/// Opens a unix socket. One that a dead server has left behind is replaced, one that somebody answers at is not.
pub async fn open_unix(path: &Path) -> Result<Door, DoorError> {
    let failed = |source: io::Error| DoorError::Listen { place: path.display().to_string(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(DoorError::NotASocket { path: path.to_owned() });
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            return Err(DoorError::Alive { path: path.to_owned() });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    // It gets its name once its mode is right, and takes that of a dead one in the same moment.
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&fresh).map_err(failed)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    let inode = fs::symlink_metadata(&fresh).map_err(failed)?.ino();
    fs::rename(&fresh, path).map_err(failed)?;
    Ok(Door::Unix(UnixDoor { listener, path: path.to_owned(), inode }))
}

/// Opens an address of this computer. There is no encryption, so no other computer may reach it.
pub async fn open_tcp(address: SocketAddr) -> Result<Door, DoorError> {
    if !address.ip().is_loopback() {
        return Err(DoorError::NotLoopback { address });
    }
    let failed = |source: io::Error| DoorError::Listen { place: address.to_string(), source };
    Ok(Door::Tcp(TcpListener::bind(address).await.map_err(failed)?))
}

/// A connection that came in.
pub(super) enum Came {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Door {
    /// How the door is written in an address: `unix:PATH` or `http://ADDRESS`.
    pub fn address(&self) -> String {
        match self {
            Self::Unix(door) => format!("unix:{}", door.path.display()),
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "http://".to_owned(), |at| format!("http://{at}"))
            }
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Came, Origin)> {
        match self {
            Self::Unix(door) => {
                let (stream, _) = door.listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                Ok((Came::Unix(stream), Origin::Unix { uid }))
            }
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // Answers are small and whole; waiting for more of them would only make them late.
                stream.set_nodelay(true)?;
                Ok((Came::Tcp(stream), Origin::Tcp { from }))
            }
        }
    }
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_ours {
            // Left behind, it is replaced by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

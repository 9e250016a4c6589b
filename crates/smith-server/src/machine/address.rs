//! Where a machine is reached, and the key by which it is known.

use std::net::SocketAddr;

use russh::keys::PublicKey;
use smith_domain::fleet::Fleet;
use smith_domain::id::{AttrName, MachineId};
use thiserror::Error;

/// What is needed to reach one machine and to know that it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// For people and for the pool: one name, one connection.
    pub name: String,
    /// Tried in this order.
    pub sockets: Vec<SocketAddr>,
    pub user: String,
    pub host_key: PublicKey,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    #[error("expected a machine of the inventory, found none of the number {0}")]
    Unknown(MachineId),
    #[error("expected an address of {machine} in the inventory, found none")]
    NoAddress { machine: String },
    #[error(
        "expected the host key of {machine} in the inventory, found none; `smith agent enroll` records it"
    )]
    NoHostKey { machine: String },
    #[error("expected the host key of {machine} as `ssh-ed25519 AAAA…`, found {found:?}")]
    BadHostKey { machine: String, found: String },
    #[error("expected a port as `ssh-port` of {machine}, found {found:?}")]
    BadPort { machine: String, found: String },
}

const PORT: u16 = 22;
const USER: &str = "root";
const PORT_ATTRIBUTE: &str = "ssh-port";
const USER_ATTRIBUTE: &str = "ssh-user";

/// The attributes `ssh-port` and `ssh-user` of a machine say where it differs from its fleet.
pub fn address_of(fleet: &Fleet, id: MachineId) -> Result<Address, AddressError> {
    let machine = fleet.get(id).ok_or(AddressError::Unknown(id))?;
    let name = machine.name().to_owned();
    let attribute = |key: &str| fleet.attr_text(id, &AttrName::new(key).ok()?);
    let port = match attribute(PORT_ATTRIBUTE) {
        None => PORT,
        Some(text) => text
            .parse()
            .map_err(|_| AddressError::BadPort { machine: name.clone(), found: text.to_owned() })?,
    };
    let sockets: Vec<SocketAddr> = machine.addresses().iter().map(|ip| SocketAddr::new(*ip, port)).collect();
    if sockets.is_empty() {
        return Err(AddressError::NoAddress { machine: name });
    }
    let Some(text) = machine.host_key() else { return Err(AddressError::NoHostKey { machine: name }) };
    let host_key = PublicKey::from_openssh(text)
        .map_err(|_| AddressError::BadHostKey { machine: name.clone(), found: text.to_owned() })?;
    let user = attribute(USER_ATTRIBUTE).unwrap_or(USER).to_owned();
    Ok(Address { name, sockets, user, host_key })
}

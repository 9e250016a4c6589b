//! The real agent on a machine that is a folder: spoken to as sshd does, killed, filled up, and lied to.

mod bounds;
mod hostile;
mod killed;
mod once;
mod shapes;
mod world;

//! Patches of a machine in a folder, with the real apt and dpkg.

mod begun;
mod broken;
mod fixture;
mod refused;
mod touched;
mod trusted;
mod upgrade;

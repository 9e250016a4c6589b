//! Patches of a machine in a folder, with the real apt and dpkg.

mod broken;
mod fixture;
mod refused;
mod touched;
mod trusted;
mod upgrade;

//! Signatures: whom we believe, and what we sign.
//!
//! The library does the cryptography and nothing else; which keys may sign, until when, and how strong they must be, is
//! decided here. [`Keyring`] and [`Policy`] say whom we believe; [`verify_cleartext`] and [`verify_detached`] answer who
//! has signed. [`KeyFolder`] keeps our own keys, and [`SigningKeys`] signs with all that are active. Where the keys are on
//! another machine, [`ClearSigned`] and [`Detached`] take apart what comes back from there.

mod armor;
mod cert;
mod cleartext;
mod detached;
mod fingerprint;
mod generate;
mod keyring;
mod keys;
mod sign;
mod verify;

pub use cleartext::ClearSigned;
pub use detached::{Detached, DetachedKind};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use generate::{KeyKind, KeyRequest};
pub use keyring::{Keyring, KeyringError};
pub use keys::{KeyError, KeyFolder, KeyInfo, KeyState, Passphrase};
pub use sign::{SignError, Signer, SigningKeys, check_text};
pub use verify::{Policy, SignedBy, Verified, VerifyError, verify_cleartext, verify_detached};
